//! The required outcomes of versions, as people meet them: one works on the command line, the other over HTTP, and visitors
//! look at pages. Each test has the number of its case. That every detail of a case is right is tested in the store;
//! here it is that both doors lead to the same.

mod fork;
mod lifecycle;
mod merging;
mod removals;
mod trees;
mod values;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_case_has_a_test_with_its_number() {
    let mut numbers = BTreeSet::new();
    for folder in ["core", "store", "web", "admin-ui", "tests"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry.unwrap();
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                numbers
                    .extend(text.split("fn case_").skip(1).filter_map(|rest| rest[..2].parse::<u32>().ok()));
            }
        }
    }
    for number in 1..=38 {
        assert!(numbers.contains(&number), "case {number} has no test");
    }
}
