mod errors;
mod fact_errors;
mod journey_errors;
mod mutated;
mod places;
mod tag_tests;
mod valid;

use crate::definitions::{Definitions, Errors};

/// A whole file that is right.
const SHOP: &str = include_str!("shop.toml");

fn refused(text: &str) -> Errors {
    Definitions::from_toml(text).expect_err(text)
}

/// `line:column message (help)` of every error.
fn lines(text: &str) -> Vec<String> {
    refused(text).iter().map(ToString::to_string).collect()
}
