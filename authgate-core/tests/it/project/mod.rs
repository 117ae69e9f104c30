//! The workspace itself: its layers, its list of cases, its documents, its examples, its public names.

mod cases; // every case of cases.md has its tests
mod documents; // what the documents say is in the code
mod examples; // each example, as a built program
mod layers; // which module may import which
mod public_names; // what a user of the library can import
mod settings; // each variable, in the sources, the READMEs and .env.example
