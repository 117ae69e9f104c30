//! The workspace itself: its layers, its list of cases, its examples.

mod cases; // every case of cases.md has its tests
mod examples; // the two tutorials, run as built programs
mod layers; // which module may import which
