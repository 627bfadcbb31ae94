"""The models that a key may use, in the shapes of the three vendors."""
