//! Writes the published schemas into `reports/schema/`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for schema in plimsoll_reports::schema::all() {
        std::fs::write(folder.join(format!("{}.json", schema.name)), schema.text())?;
    }
    Ok(())
}
