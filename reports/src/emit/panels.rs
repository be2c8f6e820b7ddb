//! Grafana's dashboard model, as far as it is needed here (schema version 39, Grafana 10 and later).

use serde::Serialize;

/// A dashboard.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dashboard {
    pub uid: String,
    pub title: String,
    pub description: String,
    pub tags: Vec<String>,
    pub timezone: &'static str,
    pub editable: bool,
    pub schema_version: u32,
    pub version: u32,
    pub refresh: &'static str,
    pub time: TimeRange,
    pub templating: Templating,
    pub panels: Vec<Panel>,
}

#[derive(Serialize)]
pub(super) struct TimeRange {
    pub from: &'static str,
    pub to: &'static str,
}

#[derive(Serialize)]
pub(super) struct Templating {
    pub list: Vec<Variable>,
}

#[derive(Serialize)]
pub(super) struct Variable {
    pub name: &'static str,
    pub label: &'static str,
    pub r#type: &'static str,
    pub query: &'static str,
}

/// A panel on a dashboard.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Panel {
    pub id: u32,
    pub title: String,
    pub description: String,
    pub r#type: &'static str,
    pub grid_pos: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasource: Option<Source>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_config: Option<FieldConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<TextOptions>,
}

#[derive(Serialize)]
pub(super) struct Place {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

#[derive(Serialize)]
pub(super) struct Source {
    r#type: &'static str,
    uid: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub ref_id: String,
    pub datasource: Source,
    pub expr: String,
    pub legend_format: String,
}

#[derive(Serialize)]
pub(super) struct FieldConfig {
    pub defaults: Defaults,
    pub overrides: Vec<Override>,
}

#[derive(Serialize)]
pub(super) struct Defaults {
    pub unit: &'static str,
    pub min: u32,
    pub custom: Line,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub line_width: u32,
    pub fill_opacity: u32,
}

#[derive(Serialize)]
pub(super) struct Override {
    matcher: Matcher,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Matcher {
    id: &'static str,
    options: &'static str,
}

#[derive(Serialize)]
struct Property {
    id: &'static str,
    value: PropertyValue,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PropertyValue {
    Dash { fill: &'static str, dash: [u32; 2] },
    Number(u32),
}

/// Of a panel of text.
#[derive(Serialize)]
pub(super) struct TextOptions {
    pub mode: &'static str,
    pub content: String,
}

/// What legends of predicted lines begin with.
pub(super) const PLAN: &str = "plan: ";
/// Width of a dashboard in Grafana's columns.
const COLUMNS: u32 = 24;
const PANEL_HEIGHT: u32 = 8;

pub(super) fn source() -> Source {
    Source { r#type: "prometheus", uid: "${datasource}" }
}

/// What a panel shows: measured series, and the plan's lines over them.
pub(super) struct Content {
    pub title: &'static str,
    pub description: &'static str,
    pub unit: &'static str,
    /// Legend and expression.
    pub measured: Vec<(&'static str, String)>,
    /// Legend and value.
    pub planned: Vec<(String, f64)>,
}

/// A panel of text across the whole width.
pub(super) fn text(content: String, height: u32) -> Panel {
    Panel {
        id: 1,
        title: String::new(),
        description: String::new(),
        r#type: "text",
        grid_pos: Place { x: 0, y: 0, w: COLUMNS, h: height },
        datasource: None,
        targets: Vec::new(),
        field_config: None,
        options: Some(TextOptions { mode: "markdown", content }),
    }
}

/// Two panels beside each other, row by row, below `top`.
pub(super) fn grid(contents: Vec<Content>, top: u32) -> impl Iterator<Item = Panel> {
    (0u32..).zip(contents).map(move |(index, content)| {
        let width = COLUMNS / 2;
        let place = Place { x: index % 2 * width, y: top + index / 2 * PANEL_HEIGHT, w: width, h: PANEL_HEIGHT };
        panel(index + 2, place, content)
    })
}

fn panel(id: u32, grid_pos: Place, content: Content) -> Panel {
    let planned = content
        .planned
        .into_iter()
        .map(|(legend, value)| (format!("{PLAN}{legend}"), format!("vector({})", super::alerts::number(value))));
    let measured = content.measured.into_iter().map(|(legend, expr)| (legend.to_owned(), expr));
    let targets = ('A'..='Z').zip(measured.chain(planned)).map(|(letter, (legend_format, expr))| Target {
        ref_id: letter.to_string(),
        datasource: source(),
        expr,
        legend_format,
    });
    Panel {
        id,
        title: content.title.to_owned(),
        description: content.description.to_owned(),
        r#type: "timeseries",
        grid_pos,
        datasource: Some(source()),
        targets: targets.collect(),
        field_config: Some(FieldConfig {
            defaults: Defaults { unit: content.unit, min: 0, custom: Line { line_width: 2, fill_opacity: 8 } },
            overrides: vec![Override {
                matcher: Matcher { id: "byRegexp", options: "/^plan: /" },
                properties: vec![
                    Property { id: "custom.lineStyle", value: PropertyValue::Dash { fill: "dash", dash: [10, 10] } },
                    Property { id: "custom.lineWidth", value: PropertyValue::Number(1) },
                    Property { id: "custom.fillOpacity", value: PropertyValue::Number(0) },
                ],
            }],
        }),
        options: None,
    }
}
