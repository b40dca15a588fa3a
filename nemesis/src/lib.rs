//! Breaks everything around Dropgate, on purpose and by a seed, and checks the books.
