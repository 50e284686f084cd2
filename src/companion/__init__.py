"""What this site adds around true pages: chapters, questions, words, a search, and its checks."""
