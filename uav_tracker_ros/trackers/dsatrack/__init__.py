"""DSATrack and EATrack: plain vision transformers that match a search region with remembered template tokens."""
