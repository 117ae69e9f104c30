//! The workspace itself: its layers, its list of cases, its examples.

mod cases; // every case of cases.md has its tests
mod examples; // each example, as a built program
mod layers; // which module may import which
