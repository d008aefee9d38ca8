//! Stops the disk at every operation of a history of versions, takes the power away, and looks at what is there.

use std::error::Error;
use std::sync::Arc;

use bough_core::merge::plan::Resolution;
use bough_core::{Tid, Value};
use bough_store::disk::{CrashMode, FaultyDisk};
use bough_store::testing::{FixedClock, StepError, name, path, small_options};
use bough_store::version::{Management, MergeChoice, NewVersion, Pick};
use bough_store::{Database, LineStatus, Note, Options, UndoChoices};

use crate::chance::is_full;

type Done = Result<(), Box<dyn Error>>;
/// What is done to the lines; it may look at the tids of the steps before.
type Step = fn(&Database, &[Tid]) -> Done;

fn set(line: &Database, at: &str, value: impl Into<Value>) -> Done {
    let value = value.into();
    line.write::<_, StepError>(Note::edit("Set"), |draft| {
        let oid = draft.at(&path(at))?;
        Ok(draft.set(oid, &name("title"), Some(value.clone()))?)
    })?;
    Ok(())
}

fn add(line: &Database, above: &str, own: &str) -> Done {
    line.write::<_, StepError>(Note::edit("Added"), |draft| {
        let above = draft.at(&path(above))?;
        Ok(draft.add(above, &name(own), &name("folder"), [])?)
    })?;
    Ok(())
}

fn rename(line: &Database, from: &str, above: &str, own: &str) -> Done {
    line.write::<_, StepError>(Note::edit("Moved"), |draft| {
        let (oid, above) = (draft.at(&path(from))?, draft.at(&path(above))?);
        Ok(draft.move_to(oid, above, &name(own))?)
    })?;
    Ok(())
}

fn open(line: &Database, own: &str) -> Done {
    line.open_version(&NewVersion { name: own.into(), ..NewVersion::default() }, Note::edit("Opened"))?;
    Ok(())
}

fn merge(line: &Database, only: Option<Vec<Pick>>) -> Done {
    line.merge(&MergeChoice { only, close: false }, Note::edit("Merged"))?;
    Ok(())
}

const HISTORY: &[Step] = &[
    |trunk, _| add(trunk, "/", "a"),
    |trunk, _| add(trunk, "/", "b"),
    |trunk, _| open(trunk, "v"),
    |trunk, _| set(&trunk.version("v")?, "/a", "mine"),
    |trunk, _| rename(&trunk.version("v")?, "/a", "/b", "a"),
    |trunk, _| set(trunk, "/b", "trunk"),
    |trunk, _| {
        trunk.version("v")?.update(None, Note::edit("Updated"))?;
        Ok(())
    },
    |trunk, _| add(&trunk.version("v")?, "/b", "new"),
    |trunk, _| merge(&trunk.version("v")?, None),
    |trunk, tids| {
        trunk.undo(&tids[8..9], &UndoChoices::default(), Note::edit("Undid"))?;
        Ok(())
    },
    |trunk, _| open(&trunk.version("v")?, "w"),
    |trunk, _| set(&trunk.version("w")?, "/b/new", long(1)),
    |trunk, _| merge(&trunk.version("w")?, None),
    |trunk, _| set(trunk, "/a", "theirs"),
    // A decision is acknowledged, too, but changes nothing that is seen; without it the next step is refused.
    |trunk, _| {
        let v = trunk.version("v")?;
        let conflicts = v.conflicts()?;
        let conflict = conflicts.iter().find(|conflict| conflict.resolution.is_none());
        if let Some(conflict) = conflict {
            v.resolve(&conflict.id, Some(Resolution::Version), "rosa")?;
        }
        let a = bough_core::snapshot::find(&v.snapshot(), &path("/b/a"))?.ok_or("it is there")?;
        merge(&v, Some(vec![Pick::Object(a)]))
    },
    |trunk, _| {
        let v = trunk.version("v")?;
        let new = bough_core::snapshot::find(&v.snapshot(), &path("/b/new"))?.ok_or("it is there")?;
        v.discard_part(&[Pick::Object(new)], false, Note::edit("Discarded"))?;
        Ok(())
    },
    |trunk, _| {
        trunk.version("v")?.discard(true, Note::edit("Discarded"))?;
        Ok(())
    },
    |trunk, _| {
        let again = Management { status: Some(LineStatus::Open), ..Management::default() };
        trunk.version("v")?.manage_version(&again, Note::edit("Opened"))?;
        Ok(())
    },
];

/// So much that it is kept aside.
fn long(number: usize) -> String {
    (0..1_500).map(|line| format!("line {line} of text {number}\n")).collect()
}

/// All lines: what they are and show.
fn picture(trunk: &Database) -> String {
    let mut picture = format!("trunk\n{}", trunk.text());
    for info in trunk.versions().unwrap() {
        let v = trunk.on(info.line).unwrap();
        let own = v.own_changes(0, usize::MAX).unwrap().objects.len();
        picture.push_str(&format!("{} {:?} {} {own}\n{}", info.name, info.status, info.base, v.text()));
    }
    picture
}

struct Play {
    disk: FaultyDisk,
    clock: Arc<FixedClock>,
    options: Options,
    database: Option<Database>,
    tids: Vec<Tid>,
    pictures: Vec<String>,
    tried: usize,
}

impl Play {
    fn on(disk: FaultyDisk) -> Self {
        let clock = Arc::new(FixedClock::default());
        let mut options = Options { clock: clock.clone(), ..small_options() };
        options.log.segment_bytes = 128 << 10;
        options.log.frame_bytes_max = 64 << 10;
        let (tids, pictures) = (Vec::new(), Vec::new());
        Self { disk, clock, options, database: None, tids, pictures, tried: 0 }
    }

    /// Goes on until something fails; says whether nothing did.
    fn play(&mut self, takes_pictures: bool) -> bool {
        self.clock.set(1_000);
        let opened = Database::on_disk(Arc::new(self.disk.clone()), self.options.clone());
        let Ok((database, _)) = opened else { return false };
        self.database = Some(database.clone());
        for (nth, step) in HISTORY.iter().enumerate() {
            if takes_pictures {
                self.pictures.push(picture(&database));
            }
            self.clock.set((nth as u64 + 2) * 1_000);
            self.tried = nth + 1;
            if let Err(error) = step(&database, &self.tids) {
                assert!(!takes_pictures, "step {nth}: {error}");
                return false;
            }
            self.tids.push(database.head());
        }
        if takes_pictures {
            self.pictures.push(picture(&database));
        }
        true
    }
}

#[test]
fn a_merge_and_its_undo_are_on_both_lines_or_on_none_after_a_crash_at_every_operation() {
    let mut undisturbed = Play::on(FaultyDisk::new());
    assert!(undisturbed.play(true));
    let pictures = undisturbed.pictures;
    for (before, after) in pictures.iter().zip(&pictures[1..]) {
        assert_ne!(before, after, "each step changes something that is seen");
    }
    for operations in 0.. {
        let disk = FaultyDisk::new();
        disk.stop_after(operations);
        let mut play = Play::on(disk);
        let finished = play.play(false);
        play.database = None;
        let arbitrary = if is_full() { 10 } else { 2 };
        for (mode, seeds) in
            [(CrashMode::LoseUnsynced, 1), (CrashMode::KeepAll, 1), (CrashMode::Arbitrary, arbitrary)]
        {
            for seed in 0..seeds {
                let when = format!("stopped after {operations} operations, {mode:?}, seed {seed}");
                let left = play.disk.after_crash(seed + operations, mode);
                play.clock.set(1_000);
                let opened = Database::on_disk(Arc::new(left), play.options.clone());
                let (database, report) = opened.unwrap_or_else(|error| panic!("{when}: {error}"));
                assert_eq!(report.damage, [], "{when}");
                let now = picture(&database);
                let possible = &pictures[play.tids.len()..=play.tried];
                assert!(possible.contains(&now), "{when}: {} steps became {now}", play.tids.len());
                let report = database.check(&mut bough_store::unwatched).unwrap();
                assert!(report.is_sound(), "{when}: {:?}", report.faults);
            }
        }
        if finished {
            assert!(operations > 40, "the history is too short: {operations} operations");
            break;
        }
    }
}
