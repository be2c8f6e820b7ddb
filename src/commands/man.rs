//! `plimsoll man`.

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Prints the man page: the program, then each command with its options, in roff.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(console: &Console) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    render(&mut page).map_err(|error| Failure::usage(format!("cannot render the man page: {error}")))?;
    console.answer(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Success)
}

fn render(page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    man.render_subcommands_section(page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        commands(page, subcommand)?;
    }
    man.render_extra_section(page)?;
    man.render_version_section(page)
}

/// A section of the one page per command, those of `rules` and `import` included.
fn commands(page: &mut Vec<u8>, command: &clap::Command) -> std::io::Result<()> {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_uppercase();
    page.extend_from_slice(format!(".SH \"{name}\"\n").as_bytes());
    let man = Man::new(command.clone());
    let mut section = Vec::new();
    man.render_synopsis_section(&mut section)?;
    man.render_description_section(&mut section)?;
    man.render_options_section(&mut section)?;
    let text = String::from_utf8_lossy(&section);
    // Their sections are subsections here.
    page.extend_from_slice(text.replace(".SH ", ".SS ").as_bytes());
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        commands(page, subcommand)?;
    }
    Ok(())
}
