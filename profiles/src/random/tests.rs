#![allow(clippy::unwrap_used)]

use super::*;
use crate::units::Nanos;

fn stream(purpose: &str) -> Stream {
    Streams::new(20_261_121).stream("tests", purpose, 0)
}
