//! What journeys do, told as stories: definitions, a line for each thing that happens, and what follows.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

mod effects;
mod experiments;
mod gate;
mod gate_random;
mod goals;
mod items;
mod seeing;
mod steps;
mod story;
mod time;
mod waits;
