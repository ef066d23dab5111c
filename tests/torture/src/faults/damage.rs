//! Files of a store that were cut or changed behind its back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;
use workdisk::manager::ListWorkspaces;
use workdisk::model::WorkspaceId;

use super::{Fault, Faults, embedded};
use crate::dice::Dice;
use crate::journal::{self, Promises};
use crate::own::{self, Own};
use crate::place::Place;
use crate::state::{Held, State};
use crate::store::Store;
use crate::work::Work;
use crate::{Result, disk};

pub(super) const ALL: [(&str, Fault); 2] = [("of the records", records), ("of the layers", layers)];

/// How many cases there are for each of those that are asked for: each takes little.
const CASES: usize = 7;

/// Nothing of this size takes so long.
const LONG: Duration = Duration::from_secs(60);

/// A store that was worked on and closed, and what it holds.
struct Whole {
    place: Place,
    holds: State,
    /// All that each workspace ever was, but for its files.
    history: HashMap<WorkspaceId, Vec<Held>>,
}

impl Whole {
    fn new(seed: u64) -> Result<Self> {
        let place = Place::new()?;
        let work = Work {
            folder: place.folder().to_owned(),
            label: format!("d{seed}"),
            ..Work::default()
        };
        let mut own = Own::start(&work.arguments())?;
        own.tell(&State::default())?;
        let lines = journal::parse(&own.end()?)?;
        let mut history: HashMap<_, Vec<_>> = HashMap::new();
        for number in 0..=lines.len() {
            for (id, held) in Promises::of(State::default(), &lines[..number]).state.0 {
                history.entry(id).or_default().push(apart_from_files(&held));
            }
        }
        let holds = Promises::of(State::default(), &lines).state;
        Ok(Self {
            place,
            holds,
            history,
        })
    }

    fn was_ever(&self, found: &[(WorkspaceId, Held)]) -> bool {
        let mut found = found.iter();
        found.all(|(id, held)| self.history.get(id).is_some_and(|all| all.contains(held)))
    }

    /// Another store with the same in it.
    fn copy(&self) -> Result<Place> {
        let place = Place::new()?;
        fs::remove_dir(place.folder())?;
        // Hard links and extended attributes are part of it.
        let from = self.place.folder();
        disk::run("cp", &[Path::new("-a"), from, place.beside()])?;
        Ok(place)
    }
}

fn apart_from_files(held: &Held) -> Held {
    Held {
        snapshots: names_alone(held.snapshots.keys().cloned()),
        ..held.apart_from_files()
    }
}

/// Cuts a file, flips some of its bits, or clears a stretch of it.
fn damage(file: &Path, dice: &mut Dice) -> Result<()> {
    let mut bytes = fs::read(file)?;
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let at = dice.below(used);
    match dice.below(3) {
        0 => bytes.truncate(at),
        1 => bytes
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|it| *it ^= 1 << dice.below(8)),
        _ => bytes.iter_mut().skip(at).take(512).for_each(|it| *it = 0),
    }
    Ok(fs::write(file, bytes)?)
}

/// Every regular file below a folder, in an order that is the same for all copies of it but for random names.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        match entry.file_type()? {
            kind if kind.is_dir() => files.extend(files_below(&entry.path())?),
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    Ok(files)
}

/// The names of all volumes.
fn volumes(place: &Place) -> Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    for of in ["active", "frozen"] {
        for entry in fs::read_dir(place.folder().join("volumes").join(of))? {
            names.insert(entry?.file_name());
        }
    }
    Ok(names)
}

/// Damage of the records is told, or loses what was written last. It makes nothing up, and takes no volume with it.
fn records(faults: &Faults) -> Result<String> {
    let whole = Whole::new(faults.seed)?;
    let mut dice = Dice::new((faults.seed, "records"));
    let (mut refused, mut unharmed, mut older) = (0, 0, 0);
    for case in 0..faults.points * CASES {
        let place = whole.copy()?;
        let files = files_below(&place.folder().join("metadata"))?;
        let file = dice.one_of(files).ok_or("there are no records")?;
        damage(&file, &mut dice)?;
        let name = file.file_name().unwrap_or_default();
        let wrong = |what: &str| format!("case {case}, {}: {what}", name.display());
        let before = volumes(&place)?;
        let found = embedded(async {
            let looked = timeout(LONG, look(place.folder())).await;
            Ok(looked.map_err(|_| "it hangs")?.ok())
        });
        let found = found.map_err(|error| wrong(&error.to_string()))?;
        if volumes(&place)? != before {
            return Err(wrong("it takes volumes with it").into());
        }
        match found {
            None => refused += 1,
            Some(found) if !whole.was_ever(&found) => {
                return Err(wrong(&format!("nobody ever made this: {found:?}")).into());
            }
            Some(found) if found.len() == whole.holds.0.len() => unharmed += 1,
            Some(_) => older += 1,
        }
    }
    Ok(format!(
        "{refused} refused, {older} without some records, {unharmed} with all"
    ))
}

/// What the records of a store tell, or why it does not open.
async fn look(folder: &Path) -> Result<Vec<(WorkspaceId, Held)>> {
    let store = Store::open(folder).await?;
    let mut all = Vec::new();
    for account in store.accounts()? {
        let most = ListWorkspaces::default().with_limit(ListWorkspaces::MAX_LIMIT);
        for workspace in account.list(most).await?.workspaces {
            let snapshots = account.snapshots(workspace.id).await?;
            let held = Held {
                account: account.id().to_string(),
                name: workspace.name,
                template: workspace.template,
                head: String::new(),
                snapshots: names_alone(snapshots.into_iter().map(|it| it.name)),
            };
            all.push((workspace.id, held));
        }
    }
    Ok(all)
}

fn names_alone(names: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    names.map(|name| (name, String::new())).collect()
}

/// Damage of a file of the volumes is told, or is in the files of the one workspace whose it was.
fn layers(faults: &Faults) -> Result<String> {
    let whole = Whole::new(faults.seed)?;
    let mut dice = Dice::new((faults.seed, "layers"));
    let (mut refused, mut unharmed, mut confined) = (0, 0, 0);
    for case in 0..faults.points * CASES {
        let place = whole.copy()?;
        let files = files_below(&place.folder().join("volumes"))?;
        let file = dice.one_of(files).ok_or("there are no layers")?;
        damage(&file, &mut dice)?;
        let Ok(found) = own::verify(place.folder()) else {
            refused += 1;
            continue;
        };
        let ids = whole.holds.0.keys().chain(found.0.keys());
        let differ = ids.filter(|id| whole.holds.0.get(id) != found.0.get(id));
        match differ.collect::<BTreeSet<_>>().len() {
            0 => unharmed += 1,
            _ if found.0.len() == whole.holds.0.len() => confined += 1,
            _ => return Err(format!("case {case}: {} takes a workspace", file.display()).into()),
        }
    }
    Ok(format!(
        "{refused} refused, {confined} in the files alone, {unharmed} without harm"
    ))
}
