//! The starter site: what a new data folder begins with.
