"""An installation after much use: its history is built, and what it does all day is measured."""
