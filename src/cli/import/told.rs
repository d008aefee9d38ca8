//! What the person is told.

use bough::web::{CONTENT_POLICY, ContentPolicy};

use super::policy::meaning;
use super::{PROBLEMS_SHOWN, PolicyFrom, Summary};
use crate::cli::failure::{Failure, quoted};
use crate::cli::screen::{Screen, counted, short};

pub(super) fn refused(message: String, problems: &[String]) -> Failure {
    let mut failure = Failure::refused(message);
    failure.causes = problems.iter().take(PROBLEMS_SHOWN).cloned().collect();
    if problems.len() > PROBLEMS_SHOWN {
        failure.causes.push(format!(
            "... and {} more ({} in all)",
            problems.len() - PROBLEMS_SHOWN,
            problems.len()
        ));
    }
    failure.advise("--skip-bad to import the rest")
}

pub(super) fn print_summary(summary: &Summary, screen: &mut Screen) -> Result<(), Failure> {
    let counts = format!(
        "{} added, {} changed, {} deleted, {} left as they were",
        counted(summary.added, "object", "objects"),
        summary.changed,
        summary.deleted,
        summary.left
    );
    if summary.dry_run {
        return screen.line(&format!("Nothing was written. It would be: {counts}"));
    }
    match &summary.tid {
        Some(tid) => {
            screen.line(&format!("{} ({tid})", summary.sentence))?;
            screen.line(&counts)?;
            print_policy(summary, screen)?;
            let undo = screen.command(&format!("undo {tid}"));
            screen.line(&format!("undo with: {undo}"))
        }
        None => screen.line(&format!("Nothing changed: {counts}")),
    }
}

/// Says how far what was imported is trusted, and how to change that.
fn print_policy(summary: &Summary, screen: &mut Screen) -> Result<(), Failure> {
    let Ok(policy) = summary.policy.parse::<ContentPolicy>() else { return Ok(()) };
    let why = match summary.policy_from {
        PolicyFrom::Flag => "as asked for",
        PolicyFrom::Default => "as nothing else was asked for",
        PolicyFrom::Site => "as it is where it went",
    };
    screen.line(&format!("HTML in it is {policy}, {why}: {}", meaning(policy)))?;
    for (path, policy) in &summary.policies {
        screen.line(&format!("  but the source says of `{path}`: {}", short(policy, 20)))?;
    }
    let other = if policy == ContentPolicy::Trusted { ContentPolicy::Clean } else { ContentPolicy::Trusted };
    let change = screen.command(&format!("set {} {CONTENT_POLICY}={other}", quoted(&summary.path)));
    screen.line(&format!("change that with: {change}"))
}
