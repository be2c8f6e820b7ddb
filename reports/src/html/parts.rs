//! What pages are made of: tables, figures, bars, the verdict, the logo.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::theme;
use crate::chart::{ChartError, NARROW, Role, Shape};

/// How good the news is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As wanted.
    Good,
    /// To be looked at.
    Warn,
    /// Not as wanted.
    Bad,
}

impl State {
    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Warn => "warn",
            State::Bad => "bad",
        }
    }
}

/// A whole page. The document is embedded as JSON, so that a report can be read by programs too.
pub fn page(title: &str, subject: &str, file: &str, document: &impl Serialize, body: &Markup) -> String {
    let csp = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
               base-uri 'none'; form-action 'none'";
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(csp);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "plimsoll " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(theme::style())) }
            }
            body {
                header class="top" {
                    (logo())
                    b { "Plimsoll" }
                    span class="soft" { (subject) }
                    button id="theme" type="button" hidden { "Light / dark" }
                }
                main { (body) }
                footer {
                    div class="actions" {
                        button id="save" type="button" data-file=(file) hidden { "Save as JSON" }
                    }
                }
                script type="application/json" id="document" { (PreEscaped(json(document))) }
                script { (PreEscaped(include_str!("script.js"))) }
            }
        }
    };
    page.into_string()
}

/// JSON that cannot end its script element: `<`, `>` and `&` as escapes, and the two line separators that old
/// JavaScript takes for line breaks.
pub fn json(document: &impl Serialize) -> String {
    let text = serde_json::to_string(document).unwrap_or_else(|_| "null".into());
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The load line of a hull.
fn logo() -> Markup {
    html! {
        svg class="logo" viewBox="0 0 38 30" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3.2" {
            circle cx="19" cy="15" r="11" {}
            path d="M2 15h34" {}
        }
    }
}

/// The banner: one word, one sentence, what it is about, and the few numbers to take away.
pub fn verdict(state: State, word: &str, sentence: &str, about: &str, tiles: &[Tile]) -> Markup {
    html! {
        section class={ "verdict " (state.class()) } {
            h1 class="word" { (word) }
            p class="says" { (tied(sentence)) }
            p class="what" { (about) }
            @if !tiles.is_empty() {
                dl class="tiles" {
                    @for tile in tiles {
                        div { dt { (tile.name) } dd { (tile.value) small { (tied(&tile.note)) } } }
                    }
                }
            }
        }
    }
}

/// A number to take away.
pub struct Tile {
    /// What it is.
    pub name: String,
    /// The number.
    pub value: String,
    /// Half a sentence on it.
    pub note: String,
}

/// A tile.
pub fn tile(name: &str, value: impl Into<String>, note: impl Into<String>) -> Tile {
    Tile { name: name.into(), value: value.into(), note: note.into() }
}

/// Keeps a number and its unit on one line: the blank between them becomes a no-break space.
pub fn tied(text: &str) -> String {
    const UNITS: [&str; 19] = [
        "%", "s", "ms", "µs", "ns", "min", "h", "d", "B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "M", "mo",
    ];
    let mut tied = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(blank) = rest.find(' ') {
        let (before, after) = (&rest[..blank], &rest[blank + 1..]);
        let unit = after.split(|c: char| !(c.is_alphabetic() || c == '%')).next().unwrap_or("");
        let after_number = before.ends_with(|c: char| c.is_ascii_digit());
        tied.push_str(before);
        tied.push(if after_number && UNITS.contains(&unit) { '\u{a0}' } else { ' ' });
        rest = after;
    }
    tied.push_str(rest);
    tied
}

/// What the reader should know before the numbers.
pub fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            ul class="notes" { @for note in notes { li { b { "Note" } (tied(note)) } } }
        }
    }
}

/// A cell of a table.
pub enum Cell {
    /// Text to the left.
    Text(String),
    /// Prose, which keeps a readable width.
    Prose(String),
    /// A number to the right.
    Number(String),
    /// A number that is the point of its row.
    Main(String),
    /// A judgement, in words.
    State(State, String),
    /// A share from 0 to 1 as a bar; hot where it is too much.
    Bar(f64, bool),
}

/// A table in a box of its own that scrolls when the page is narrow. Columns with numbers only are set to the right.
pub fn table(name: &str, class: &str, header: &[&str], rows: Vec<Vec<Cell>>) -> Markup {
    let right: Vec<bool> = (0..header.len())
        .map(|column| {
            let mut cells = rows.iter().filter_map(|row| row.get(column)).peekable();
            cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Number(_) | Cell::Main(_)))
        })
        .collect();
    // With prose at the end, rows become blocks on a phone, their cells named by the header.
    let stack = rows.iter().any(|row| matches!(row.last(), Some(Cell::Prose(_))));
    let label = |column: usize| header.get(column).copied().filter(|title| stack && column > 0 && !title.is_empty());
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(name) {
            table class={ (class) @if stack { " stack" } } {
                thead { tr {
                    @for (title, right) in header.iter().zip(&right) { th scope="col" class=[right.then_some("n")] { (title) } }
                } }
                tbody {
                    @for row in &rows { tr { @for (column, cell) in row.iter().enumerate() { (self::cell(cell, column, label(column))) } } }
                }
            }
        }
    }
}

fn cell(cell: &Cell, column: usize, label: Option<&str>) -> Markup {
    html! {
        @match cell {
            Cell::Text(text) if column == 0 => th scope="row" { (text) },
            Cell::Text(text) => td { (text) },
            Cell::Prose(text) => td class="why prose" { (tied(text)) },
            Cell::Number(text) => td class="n" data-label=[label] { (text) },
            Cell::Main(text) => td class="n big" data-label=[label] { (text) },
            Cell::State(state, text) => td class={ "state " (state.class()) } { (text) },
            Cell::Bar(share, hot) => td class="bar" { (bar(*share, *hot)) },
        }
    }
}

fn bar(share: f64, hot: bool) -> Markup {
    let percent = if share.is_finite() { (share * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    html! { span class="track" { i class=[hot.then_some("hot")] style=(format!("width:{percent:.1}%")) {} } }
}

/// A chart: title, finding in words, legend, the drawing for broad and narrow pages, and its numbers.
pub struct Figure<'f> {
    /// Unique on the page.
    pub id: &'f str,
    /// What it shows.
    pub title: &'f str,
    /// What it says, computed from the data.
    pub finding: String,
    /// What the lines are.
    pub legend: Vec<(Role, String)>,
    /// Its shape on a broad page.
    pub shape: Shape,
    /// Draws it in a shape.
    pub draw: &'f dyn Fn(Shape) -> Result<String, ChartError>,
    /// Its numbers.
    pub numbers: Markup,
}

/// Sets a figure.
pub fn figure(figure: Figure<'_>) -> Markup {
    let title_id = format!("{}-title", figure.id);
    html! {
        figure class="card" id=(figure.id) role="group" aria-labelledby=(title_id) {
            figcaption {
                h3 id=(title_id) { (figure.title) }
                p class="finding" { (tied(&figure.finding)) }
            }
            @if !figure.legend.is_empty() {
                ul class="legend" { @for (role, name) in &figure.legend { li { (swatch(*role)) (name) } } }
            }
            div class="plot" role="img" aria-label=(figure.finding) {
                div class="broad" { (drawing((figure.draw)(figure.shape))) }
                div class="narrow" { (drawing((figure.draw)(NARROW))) }
            }
            details { summary { "The numbers" } (figure.numbers) }
        }
    }
}

/// A chart that cannot be drawn says so in its place; its numbers are in the table all the same.
pub fn drawing(svg: Result<String, ChartError>) -> Markup {
    match svg {
        Ok(svg) => PreEscaped(svg),
        Err(error) => {
            html! { p class="soft" { "This chart could not be drawn (" (error) "); its numbers are below." } }
        }
    }
}

/// A piece of a line as the legend shows it.
pub fn swatch(role: Role) -> Markup {
    let colour = role.sentinel();
    html! {
        svg class="chart swatch" viewBox="0 0 128 56" aria-hidden="true" {
            @match role {
                Role::Promise(_) => circle cx="64" cy="28" r="20" fill="none" stroke=(colour) stroke-width="8" {},
                _ => polyline points="2,28 126,28" fill="none" stroke=(colour) stroke-width="10" {},
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_with_their_units() {
        assert_eq!(tied("22 % of 1.9 s, 4 pods"), "22\u{a0}% of 1.9\u{a0}s, 4 pods");
    }

    #[test]
    fn json_cannot_end_its_script() {
        let text = json(&vec!["</script><!--", "a & b", "\u{2028}\u{2029}"]);
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{text}");
        let back: Vec<String> = serde_json::from_str(&text).expect("still JSON");
        assert_eq!(back, ["</script><!--", "a & b", "\u{2028}\u{2029}"]);
    }
}
