"""Reference pictures: attributes of a drawing that are shown instead of said."""
