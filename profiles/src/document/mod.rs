//! A profile as a document: its text, overrides and cluster in one tree, and the typed profile of each world.

mod assemble;
pub(crate) mod files;
mod overrides;
mod place;
mod read;
mod resolve;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use crate::check::{self, Context, Finding};
use crate::problems::{Problem, Problems, Source};
use crate::profile::Profile;
use crate::raw::RawProfile;
use crate::units::Nanos;
use crate::world::{Level, UncertainInput, World};
use tree::Node;

pub use place::KeyPlace;

/// A profile that has been read: valid in its middle world and, as far as one input at a time can tell, in all others.
#[derive(Debug)]
pub struct Document {
    sources: Vec<Source>,
    tree: Node,
    uncertain: Vec<UncertainInput>,
    folder: PathBuf,
    traces: Mutex<BTreeMap<String, Arc<[Nanos]>>>,
}

/// More uncertain inputs than this are a mistake, and would make checking their worlds slow.
const MAX_UNCERTAIN: usize = 256;

impl Document {
    /// Reads a profile from a file and lays `--set` overrides (`key=value`) over it.
    ///
    /// # Errors
    /// Everything that is wrong with it, files that cannot be read included.
    pub fn read(path: impl AsRef<Path>, overrides: &[String]) -> Result<Self, Problems> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text =
            files::read_text(path, "profile").map_err(|(message, help)| Problems::whole_file(&name, message, help))?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self::assemble(&text, &name, overrides, folder)
    }

    /// Reads a profile from its text; relative paths in it are relative to the working directory.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, name: &str, overrides: &[String]) -> Result<Self, Problems> {
        if text.len() > files::MAX_BYTES {
            let (message, help) = files::too_large(text.len() as u64, "profile");
            return Err(Problems::whole_file(name, message, help));
        }
        Self::assemble(text, name, overrides, PathBuf::new())
    }

    fn assemble(text: &str, name: &str, overrides: &[String], folder: PathBuf) -> Result<Self, Problems> {
        let (sources, tree) = assemble::assemble(text, name, overrides, &folder)?;
        let mut document =
            Document { sources, tree, uncertain: Vec::new(), folder, traces: Mutex::new(BTreeMap::new()) };
        document.uncertain =
            resolve::uncertain_inputs(&document.tree).map_err(|found| document.problems(&document.tree, found))?;
        if document.uncertain.len() > MAX_UNCERTAIN {
            let finding = Finding {
                path: Vec::new(),
                message: format!("{} inputs are uncertain, more than {MAX_UNCERTAIN}", document.uncertain.len()),
                label: String::new(),
                help: Some("keep { low, mid, high } for the inputs that matter".to_owned()),
            };
            return Err(document.problems(&document.tree, vec![finding]));
        }
        document.profile(&World::mid())?;
        document.check_worlds()?;
        Ok(document)
    }

    /// The texts it was read from; the first is the profile itself.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The inputs given as `{ low, mid, high }`, in the order of the text.
    pub fn uncertain_inputs(&self) -> &[UncertainInput] {
        &self.uncertain
    }

    /// The profile in one world. Shares are rescaled to 1 where uncertain ones add up to something else.
    ///
    /// # Errors
    /// Where this world's combination of uncertain inputs is not a valid profile; never for [`World::mid`].
    pub fn profile(&self, world: &World) -> Result<Profile, Problems> {
        let tree = resolve::in_world(&self.tree, world);
        let raw = self.typed(&tree)?;
        let rescale_shares = self.uncertain.iter().any(|input| world.level(&input.path) != Level::Mid);
        let traces = |file: &str| self.trace(file);
        let context = Context { traces: &traces, rescale_shares };
        check::profile(raw, &context).map_err(|findings| self.problems(&tree, findings))
    }

    /// The whole profile of one world as JSON, overrides and cluster included, defaults not.
    pub fn to_json(&self, world: &World) -> serde_json::Value {
        resolve::in_world(&self.tree, world).to_json()
    }

    /// Reads the tree into the written shape. After an error it reads on with a stand-in, to find more.
    fn typed(&self, tree: &Node) -> Result<RawProfile, Problems> {
        const MOST: usize = 20;
        let mut error = match RawProfile::deserialize(tree) {
            Ok(raw) => return Ok(raw),
            Err(error) => error,
        };
        let mut rest = tree.clone();
        let mut problems = Vec::new();
        loop {
            let path = error.path();
            let mut at_fault = path.clone();
            at_fault.extend(error.extra_key.iter().cloned());
            let place = error.place.clone().unwrap_or_else(|| tree.place_of(&path));
            problems.push(Problem {
                message: error.message,
                path: at_fault.join("."),
                source: place.source,
                span: Some(place.span),
                label: error.label,
                help: error.help,
            });
            if problems.len() >= MOST {
                break;
            }
            if error.unknown_key {
                rest.remove(&at_fault);
            } else if !read::mend(&mut rest, &at_fault) {
                break;
            }
            match RawProfile::deserialize(&rest) {
                Ok(_) => break,
                Err(next) => error = next,
            }
        }
        Err(self.located(problems))
    }

    fn problems(&self, tree: &Node, findings: Vec<Finding>) -> Problems {
        let problems = findings.into_iter().map(|finding| {
            let place = tree.place_of(&finding.path);
            Problem {
                message: finding.message,
                path: finding.path.join("."),
                source: place.source,
                span: Some(place.span),
                label: finding.label,
                help: finding.help,
            }
        });
        self.located(problems.collect())
    }

    /// In the order of the text, spans kept to one line.
    fn located(&self, mut problems: Vec<Problem>) -> Problems {
        for problem in &mut problems {
            let (Some(source), Some(span)) = (self.sources.get(problem.source), problem.span.as_mut()) else {
                continue;
            };
            span.start = span.start.min(source.text.len());
            span.end = span.end.clamp(span.start, source.text.len());
            if let Some(line_end) = source.text.get(span.clone()).and_then(|text| text.find('\n')) {
                span.end = span.start + line_end;
            }
        }
        problems.sort_by_key(|problem| (problem.source, problem.span.as_ref().map(|span| span.start)));
        Problems { sources: self.sources.clone(), problems }
    }

    /// One uncertain input at a time against all others, and all together: finds quantiles that cross in some world.
    fn check_worlds(&self) -> Result<(), Problems> {
        use Level::{High, Low};
        let at = |level: Level, except: Option<usize>, other: Level| {
            self.uncertain.iter().enumerate().fold(World::mid(), |world, (index, input)| {
                world.with(input.path.clone(), if except == Some(index) { other } else { level })
            })
        };
        if self.uncertain.is_empty() {
            return Ok(());
        }
        let mut worlds = vec![(at(Low, None, Low), "all uncertain inputs are low".to_owned())];
        worlds.push((at(High, None, High), "all uncertain inputs are high".to_owned()));
        for (index, input) in self.uncertain.iter().enumerate() {
            worlds.push((at(Low, Some(index), High), format!("{} is high and the others are low", input.path)));
            worlds.push((at(High, Some(index), Low), format!("{} is low and the others are high", input.path)));
        }
        for (world, which) in worlds {
            self.profile(&world).map_err(|mut problems| {
                for problem in &mut problems.problems {
                    let help = problem.help.take().map(|help| format!("; {help}")).unwrap_or_default();
                    problem.help = Some(format!("this is so when {which}{help}"));
                }
                problems
            })?;
        }
        Ok(())
    }

    fn trace(&self, file: &str) -> Result<Arc<[Nanos]>, (String, String)> {
        let mut cache = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(times) = cache.get(file) {
            return Ok(Arc::clone(times));
        }
        let times: Arc<[Nanos]> = files::read_trace(&self.folder.join(file))?.into();
        cache.insert(file.to_owned(), Arc::clone(&times));
        Ok(times)
    }
}
