//! The run and plan file formats, comparison, charts, HTML and text.
//!
//! Documents come from the simulator or the load generator, and go out as JSON ([`schema`]), CSV ([`mod@csv`]), text
//! ([`text`]) and one offline HTML file ([`html`]). A run on disk is a [`run_dir`]; two of them are held side by side
//! by [`compare`], the model and several measured ones by [`validation`]. What is wrong with a profile is shown in its place by [`diagnostics`].

pub mod chart;
pub mod compare;
pub mod csv;
pub mod diagnostics;
pub mod html;
pub mod measured;
pub mod number;
pub mod plan_document;
pub mod quantity;
pub mod run_dir;
pub mod run_document;
pub mod scaling_document;
pub mod schema;
pub mod sizes;
pub mod sweep_document;
pub mod text;
pub mod validation;
pub mod wording;
