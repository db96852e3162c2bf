"""What tabs share: parts, theme, words, forms, runs kept in view."""
