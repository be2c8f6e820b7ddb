//! Where a key stands: for programs that speak about a valid profile.

use std::ops::Range;

use super::Document;

/// A place in one of a document's sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlace {
    /// Index into [`Document::sources`].
    pub source: usize,
    /// Bytes of that source, within one line.
    pub span: Range<usize>,
    /// Whether the key is written; else this is the place of the innermost table around it that is.
    pub written: bool,
}

impl Document {
    /// The place of a key, dotted as `--set` takes it (`workflow.0.steps.1.takes`).
    pub fn place(&self, path: &str) -> KeyPlace {
        let segments: Vec<String> = path.split('.').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        let place = self.tree.place_of(&segments);
        let text = self.sources.get(place.source).map_or("", |source| source.text.as_str());
        let start = place.span.start.min(text.len());
        let mut end = place.span.end.clamp(start, text.len());
        if let Some(line_end) = text.get(start..end).and_then(|text| text.find('\n')) {
            end = start + line_end;
        }
        let mut node = Some(&self.tree);
        for segment in &segments {
            node = node.and_then(|node| node.child(segment));
        }
        KeyPlace { source: place.source, span: start..end, written: node.is_some() }
    }
}
