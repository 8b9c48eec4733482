//! Runnable examples of kitewire; each is a program of its own, beside this file.
