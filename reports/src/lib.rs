//! The run and plan file formats, comparison, charts, HTML and text.

pub mod plan_document;
pub mod quantity;
pub mod run_document;
