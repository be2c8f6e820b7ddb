//! A plot area on a plotters SVG, in roles instead of colours.
//!
//! plotters writes integer coordinates and presentation attributes. So everything is drawn [`ZOOM`] times larger than it
//! is shown, and each role has a colour of its own that no theme uses: the page's style sheet finds it by attribute
//! (`[stroke="#010003"]`) and puts the theme's colour there, in light, dark and print. Text widths are not known to
//! plotters without a font library; so labels here are short, and titles and legends are HTML.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::scale::Scale;

/// Drawn this many times larger than shown.
const ZOOM: f64 = 4.0;
/// Size of labels, in shown pixels.
const FONT: f64 = 13.0;
/// Room left and below for tick labels, right for the last label's half, in shown pixels.
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 26.0;
const RIGHT: f64 = 30.0;
/// Room below where the horizontal axis has no labels.
const UNLABELLED: f64 = 6.0;

/// A chart could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("chart: {0}")]
pub struct ChartError(String);

/// How large a chart is shown, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Across the whole page.
pub const BROAD: Shape = Shape { width: 1000.0, height: 400.0 };
/// Half of the page.
pub const HALF: Shape = Shape { width: 480.0, height: 300.0 };
/// A phone.
pub const NARROW: Shape = Shape { width: 350.0, height: 290.0 };

/// What a stroke or a shape stands for; the style sheet decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Axis line.
    Axis,
    /// Grid line.
    Grid,
    /// Label.
    Label,
    /// The plan's mark: the Plimsoll line.
    Mark,
    /// Where a promise breaks.
    Knee,
    /// Beyond the knee; times at which a promise was missed.
    Beyond,
    /// The time that an event took.
    Band,
    /// A filled area under a series.
    Area,
    /// The page's own background, to cut holes.
    Paper,
    /// Series 0 to 5: a colour and a dash each.
    Series(usize),
    /// The promise of a series.
    Promise(usize),
    /// A cell of a heatmap, from few samples (0) to many.
    Heat(usize),
}

/// Series that can be told apart; further ones start over.
pub const SERIES: usize = 6;

/// Depths of colour of a heatmap.
pub const HEAT: usize = 7;

impl Role {
    fn colour(self) -> RGBColor {
        let code = |value: usize| u8::try_from(value).unwrap_or(0);
        match self {
            Role::Axis => RGBColor(1, 0, 1),
            Role::Grid => RGBColor(1, 0, 2),
            Role::Label => RGBColor(1, 0, 3),
            Role::Mark => RGBColor(1, 0, 4),
            Role::Knee => RGBColor(1, 0, 5),
            Role::Beyond => RGBColor(1, 0, 6),
            Role::Area => RGBColor(1, 0, 7),
            Role::Paper => RGBColor(1, 0, 8),
            Role::Band => RGBColor(1, 0, 9),
            Role::Series(index) => RGBColor(2, 0, code(index % SERIES)),
            Role::Promise(index) => RGBColor(3, 0, code(index % SERIES)),
            Role::Heat(level) => RGBColor(4, 0, code(level.min(HEAT - 1))),
        }
    }

    /// The colour as the SVG writes it, for the style sheet.
    pub fn sentinel(self) -> String {
        let RGBColor(r, g, b) = self.colour();
        format!("#{r:02X}{g:02X}{b:02X}")
    }
}

/// Where a label stands to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// A plot under construction: axes and scales set, ready for marks.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    shape: Shape,
    top: f64,
    /// Room below.
    below: f64,
    x: Scale,
    y: Scale,
}

/// The axes of a plot.
pub struct Axes<'f> {
    /// Horizontal scale.
    pub x: Scale,
    /// Vertical scale.
    pub y: Scale,
    /// Where x ticks go.
    pub x_ticks: Vec<f64>,
    /// Where y ticks go.
    pub y_ticks: Vec<f64>,
    /// Words of an x tick.
    pub x_label: &'f dyn Fn(f64) -> String,
    /// Words of a y tick.
    pub y_label: &'f dyn Fn(f64) -> String,
    /// Room above the plot for marks, in shown pixels.
    pub headroom: f64,
}

/// Draws a plot and returns its SVG: without size (the page scales it by its viewBox), without namespace (inline SVG
/// needs none), hidden from screen readers (the caption and the table say what it shows).
pub fn svg(
    shape: Shape,
    axes: &Axes<'_>,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), ChartError>,
) -> Result<String, ChartError> {
    let mut text = String::new();
    let size = ((shape.width * ZOOM) as u32, (shape.height * ZOOM) as u32);
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let unlabelled = !axes.x_ticks.is_empty() && axes.x_ticks.iter().all(|tick| (axes.x_label)(*tick).is_empty());
        let below = if unlabelled { UNLABELLED } else { BOTTOM };
        let canvas = Canvas { area, shape, top: axes.headroom + 8.0, below, x: axes.x, y: axes.y };
        canvas.axes(axes)?;
        draw(&canvas)?;
        canvas.area.present().map_err(failed)?;
    }
    let body = text.find('\n').map_or("", |end| &text[end + 1..]);
    // The size went through a division; its digits beyond the whole number are noise.
    let size_written = format!("font-size=\"{}\"", FONT * ZOOM * 1.24 / 1.24);
    let body = body.replace(&size_written, &format!("font-size=\"{:.0}\"", FONT * ZOOM));
    Ok(format!("<svg class=\"chart\" viewBox=\"0 0 {} {}\" aria-hidden=\"true\">\n{body}", size.0, size.1))
}

impl Canvas<'_> {
    fn axes(&self, axes: &Axes<'_>) -> Result<(), ChartError> {
        let (left, right) = (LEFT, self.shape.width - RIGHT);
        let (top, bottom) = (self.top, self.shape.height - self.below);
        for tick in &axes.y_ticks {
            let y = self.y_at(*tick);
            self.line(Role::Grid, 1.0, &[(left, y), (right, y)])?;
            self.text(Role::Label, (left - 8.0, y), Anchor::End, VPos::Center, &(axes.y_label)(*tick))?;
        }
        for tick in &axes.x_ticks {
            let x = self.x_at(*tick);
            self.line(Role::Grid, 1.0, &[(x, top), (x, bottom)])?;
            let label = (axes.x_label)(*tick);
            if !label.is_empty() {
                self.text(Role::Label, (x, bottom + 7.0), Anchor::Middle, VPos::Top, &label)?;
            }
        }
        self.line(Role::Axis, 1.0, &[(left, bottom), (right, bottom)])
    }

    /// Shown x of a value.
    pub fn x_at(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (self.shape.width - LEFT - RIGHT)
    }

    /// Shown y of a value.
    pub fn y_at(&self, value: f64) -> f64 {
        let bottom = self.shape.height - self.below;
        bottom - self.y.place(value) * (bottom - self.top)
    }

    /// Left, right, top and bottom of the plot, as shown.
    pub fn bounds(&self) -> (f64, f64, f64, f64) {
        (LEFT, self.shape.width - RIGHT, self.top, self.shape.height - self.below)
    }

    /// A curve through values.
    pub fn curve(&self, role: Role, width: f64, points: &[(f64, f64)]) -> Result<(), ChartError> {
        let shown: Vec<(f64, f64)> = points.iter().map(|(x, y)| (self.x_at(*x), self.y_at(*y))).collect();
        self.line(role, width, &shown)
    }

    /// A filled area between a curve through values and the axis.
    pub fn area(&self, role: Role, points: &[(f64, f64)]) -> Result<(), ChartError> {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
        let bottom = self.shape.height - self.below;
        let mut shown: Vec<(i32, i32)> = vec![pixel((self.x_at(first.0), bottom))];
        shown.extend(points.iter().map(|(x, y)| pixel((self.x_at(*x), self.y_at(*y)))));
        shown.push(pixel((self.x_at(last.0), bottom)));
        self.area.draw(&Polygon::new(shown, role.colour())).map_err(failed)
    }

    /// A filled area between two curves through values.
    pub fn band(&self, role: Role, low: &[(f64, f64)], high: &[(f64, f64)]) -> Result<(), ChartError> {
        if low.len() < 2 || high.len() < 2 {
            return Ok(());
        }
        let around = low.iter().chain(high.iter().rev());
        let shown: Vec<(i32, i32)> = around.map(|(x, y)| pixel((self.x_at(*x), self.y_at(*y)))).collect();
        self.area.draw(&Polygon::new(shown, role.colour())).map_err(failed)
    }

    /// A filled rectangle, in shown pixels.
    pub fn rectangle(&self, role: Role, corner: (f64, f64), opposite: (f64, f64)) -> Result<(), ChartError> {
        let corners = [pixel(corner), pixel(opposite)];
        self.area.draw(&Rectangle::new(corners, role.colour().filled())).map_err(failed)
    }

    /// A line in shown pixels.
    pub fn line(&self, role: Role, width: f64, points: &[(f64, f64)]) -> Result<(), ChartError> {
        if points.len() < 2 {
            return Ok(());
        }
        let style = role.colour().stroke_width((width * ZOOM) as u32);
        let shown: Vec<(i32, i32)> = points.iter().map(|point| pixel(*point)).collect();
        self.area.draw(&PathElement::new(shown, style)).map_err(failed)
    }

    /// A circle in shown pixels: filled, or a ring with the page's background inside.
    pub fn circle(&self, role: Role, centre: (f64, f64), radius: f64, ring: Option<f64>) -> Result<(), ChartError> {
        let size = (radius * ZOOM) as i32;
        let Some(width) = ring else {
            return self.area.draw(&Circle::new(pixel(centre), size, role.colour().filled())).map_err(failed);
        };
        self.area.draw(&Circle::new(pixel(centre), size, Role::Paper.colour().filled())).map_err(failed)?;
        let style = role.colour().stroke_width((width * ZOOM) as u32);
        self.area.draw(&Circle::new(pixel(centre), size, style)).map_err(failed)
    }

    /// A short label at a point in shown pixels, its middle at the point's height.
    pub fn label(&self, role: Role, point: (f64, f64), anchor: Anchor, text: &str) -> Result<(), ChartError> {
        self.text(role, point, anchor, VPos::Center, text)
    }

    fn text(
        &self,
        role: Role,
        point: (f64, f64),
        anchor: Anchor,
        vertical: VPos,
        text: &str,
    ) -> Result<(), ChartError> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let colour = role.colour();
        // plotters divides by 1.24, its guess of a font's line height.
        let style = TextStyle::from(("sans-serif", FONT * ZOOM * 1.24).into_font())
            .color(&colour)
            .pos(Pos::new(horizontal, vertical));
        let without_controls: String = text.chars().filter(|c| !c.is_control()).collect();
        self.area.draw(&Text::new(without_controls, pixel(point), style)).map_err(failed)
    }
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    ((x * ZOOM).round() as i32, (y * ZOOM).round() as i32)
}

fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> ChartError {
    ChartError(error.to_string())
}
