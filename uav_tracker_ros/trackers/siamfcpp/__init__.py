"""SiamFC++ and what descends from it."""
