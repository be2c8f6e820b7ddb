//! Charts as SVG text: percentile curves, distributions over each other, heatmaps, latency against load with the plan's mark, storage and series over time, aligned timelines.
//!
//! Colours are the page's business: see [`Role`].

mod canvas;
mod heatmap;
mod load;
mod overlays;
mod percentiles;
mod scale;
mod series;
mod timeline;

pub use canvas::{BROAD, ChartError, HALF, HEAT, NARROW, Role, SERIES, Shape};
pub use heatmap::heatmap;
pub use load::load;
pub use overlays::{RangePoint, distributions, over_range, quantiles_against};
pub use percentiles::{PercentilePromise, percentiles};
pub(crate) use series::thinned;
pub use series::{against, months, time};
pub use timeline::{Flag, Line, Panel, panel};
