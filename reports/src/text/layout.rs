//! Lines of a fixed width: wrapping, tables, and the few colours.

/// The narrowest width that is kept; a narrower one is taken as this.
pub const NARROWEST: usize = 60;
const GAP: usize = 2;
/// A last column narrower than this goes under its row instead.
const NARROWEST_LAST: usize = 24;

/// How a piece of text stands out where colour is allowed; never the only sign of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Headings.
    Bold,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// What can be skipped.
    Dim,
}

/// Text under construction.
#[derive(Debug)]
pub struct Page {
    width: usize,
    colour: bool,
    text: String,
}

impl Page {
    /// An empty page of a width in columns.
    pub fn new(width: usize, colour: bool) -> Self {
        Page { width: width.max(NARROWEST), colour, text: String::new() }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    /// A line break, unless the last line is empty already.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A paragraph, wrapped.
    pub fn paragraph(&mut self, style: Style, text: &str) {
        self.hanging(style, text, 0);
    }

    /// A paragraph whose lines after the first are indented.
    pub fn hanging(&mut self, style: Style, text: &str, indent: usize) {
        for (index, line) in wrap(text, self.width - indent).into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(&" ".repeat(indent));
            }
            self.styled(style, &line);
            self.text.push('\n');
        }
    }

    /// A line as it is: its blanks stay, and it is not wrapped.
    pub fn line(&mut self, style: Style, text: &str) {
        self.styled(style, &clean(text));
        self.text.push('\n');
    }

    /// A label, and a paragraph beside it whose lines are all as far in.
    pub fn line_hanging(&mut self, label: &str, text: &str) {
        let indent = label.chars().count();
        for (index, line) in wrap(text, self.width - indent).into_iter().enumerate() {
            let start = if index == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.styled(Style::Plain, format!("{start}{line}").trim_end());
            self.text.push('\n');
        }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Text at both ends of a line, or on two lines where they do not fit on one.
    pub fn ends(&mut self, left: &str, right: &str) {
        let (left, right) = (clean(left), clean(right));
        let used = left.chars().count() + right.chars().count();
        if used + GAP > self.width {
            self.paragraph(Style::Bold, &left);
            self.paragraph(Style::Dim, &right);
            return;
        }
        self.styled(Style::Bold, &left);
        self.text.push_str(&" ".repeat(self.width - used));
        self.styled(Style::Dim, &right);
        self.text.push('\n');
    }

    /// A table: the first column to the left, the last to the left and wrapped, those between to the right.
    pub fn table(&mut self, table: &Table) {
        let columns = table.header.len();
        let mut widths = vec![0; columns];
        for cells in std::iter::once(&table.header).chain(table.rows.iter().map(|row| &row.cells)) {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(clean(cell).chars().count());
            }
        }
        // No single column may take the line; what does not fit is cut with an ellipsis (the first column: wrapped).
        let fixed_limit = (self.width / columns.max(2)).max(8);
        for width in &mut widths[..columns - 1] {
            *width = (*width).min(fixed_limit.max(28));
        }
        while widths[..columns - 1].iter().map(|width| width + GAP).sum::<usize>() > self.width - 4 {
            let Some(widest) = widths[..columns - 1].iter_mut().max() else { break };
            *widest -= 1;
        }
        let used: usize = widths[..columns - 1].iter().map(|width| width + GAP).sum();
        let rest = self.width - used;
        let below = table.wrap_last && rest < NARROWEST_LAST && widths[columns - 1] > rest;
        self.row(&table.header, &widths, if below { None } else { Some(rest) }, Style::Dim, table.wrap_last);
        for row in &table.rows {
            self.row(&row.cells, &widths, if below { None } else { Some(rest) }, row.style, table.wrap_last);
        }
    }

    fn row(&mut self, cells: &[String], widths: &[usize], rest: Option<usize>, style: Style, wrap_last: bool) {
        let last = cells.len() - 1;
        let mut line = String::new();
        for (index, cell) in cells[..last].iter().enumerate() {
            let cell = fit(&clean(cell), widths[index]);
            let pad = " ".repeat(widths[index] - cell.chars().count());
            let gap = " ".repeat(GAP);
            line.push_str(&if index == 0 { format!("{cell}{pad}{gap}") } else { format!("{pad}{cell}{gap}") });
        }
        let indent = line.chars().count();
        let Some(rest) = rest else {
            self.styled(style, line.trim_end());
            self.text.push('\n');
            for part in wrap(&cells[last], self.width - 4).iter().filter(|part| !part.is_empty()) {
                self.styled(style, &format!("    {part}"));
                self.text.push('\n');
            }
            return;
        };
        let parts = if wrap_last { wrap(&cells[last], rest) } else { vec![fit(&clean(&cells[last]), rest)] };
        for (index, part) in parts.iter().enumerate() {
            let start = if index == 0 { line.clone() } else { " ".repeat(indent) };
            self.styled(style, format!("{start}{part}").trim_end());
            self.text.push('\n');
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        let code = match style {
            _ if !self.colour => None,
            Style::Plain => None,
            Style::Bold => Some("1"),
            Style::Good => Some("1;32"),
            Style::Bad => Some("1;31"),
            Style::Dim => Some("2"),
        };
        match code {
            Some(code) if !text.is_empty() => self.text.push_str(&format!("\x1b[{code}m{text}\x1b[0m")),
            _ => self.text.push_str(text),
        }
    }
}

/// Rows under a header.
#[derive(Debug, Default)]
pub struct Table {
    /// Column titles.
    pub header: Vec<String>,
    /// Rows, as many cells each as the header.
    pub rows: Vec<Row>,
    /// The last column is prose and may take several lines.
    pub wrap_last: bool,
}

/// A row.
#[derive(Debug)]
pub struct Row {
    /// Its cells.
    pub cells: Vec<String>,
    /// How it stands out.
    pub style: Style,
}

impl Table {
    /// A table with these column titles.
    pub fn new(header: &[&str]) -> Self {
        Table { header: header.iter().map(ToString::to_string).collect(), rows: Vec::new(), wrap_last: false }
    }

    /// Adds a row.
    pub fn push(&mut self, style: Style, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.header.len());
        self.rows.push(Row { cells, style });
    }
}

/// Without control characters (a name from a file must not move the cursor of a terminal) and blanks at the end;
/// blanks at the start indent.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim_end().to_string()
}

fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Words, a number and its unit as one: `109 %` is not torn apart.
fn joined(text: &str) -> Vec<String> {
    const UNITS: [&str; 16] =
        ["%", "ms", "us", "s", "min", "h", "B", "KiB", "MiB", "GiB", "kB", "MB", "GB", "TB", "vCPU", "pods"];
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = word.trim_end_matches([',', '.', ';', ':', ')']);
        match words.last_mut() {
            Some(number) if UNITS.contains(&unit) && number.ends_with(|c: char| c.is_ascii_digit()) => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Breaks text at blanks into lines of at most `width` columns; longer words are cut. At least one line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in joined(&clean(text)) {
        let mut letters: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + letters.len() > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        while letters.len() > width {
            lines.push(letters.drain(..width).collect());
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        used += letters.len();
        line.extend(letters);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_keeps_every_word_and_the_width() {
        let text = "one two three fourteen-letters xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx four";
        let lines = wrap(text, 12);
        assert!(lines.iter().all(|line| line.chars().count() <= 12), "{lines:?}");
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text));
        assert_eq!(wrap("", 12), [""]);
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\nc"), "a [2Jb c");
    }
}
