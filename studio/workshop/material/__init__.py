"""What methods are taught on, made from a domain and a model."""
