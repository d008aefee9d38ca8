//! How far what is imported is trusted, as it is asked for.

use std::io::{BufRead as _, Read as _};

use bough::web::ContentPolicy;
use serde::{Deserialize, Serialize};

use super::ANSWER_BYTES_MAX;
use crate::cli::failure::Failure;
use crate::cli::screen::remark;

/// How far what is imported is trusted.
#[derive(Debug, Clone, Default, clap::Args, Serialize, Deserialize)]
#[group(multiple = false)]
#[serde(default)]
pub(super) struct PolicyFlags {
    /// Let scripts in what is imported run, with all that the site itself may do
    #[arg(long)]
    trusted: bool,
    /// Let scripts in what is imported run, in an origin of their own
    #[arg(long)]
    sandbox: bool,
    /// Let no script in what is imported run; so it is where nothing is said
    #[arg(long)]
    clean: bool,
}

impl PolicyFlags {
    pub(super) fn of(policy: ContentPolicy) -> Self {
        Self {
            trusted: policy == ContentPolicy::Trusted,
            sandbox: policy == ContentPolicy::Sandbox,
            clean: policy == ContentPolicy::Clean,
        }
    }

    pub(super) fn chosen(&self) -> Option<ContentPolicy> {
        let all = [
            (self.trusted, ContentPolicy::Trusted),
            (self.sandbox, ContentPolicy::Sandbox),
            (self.clean, ContentPolicy::Clean),
        ];
        all.into_iter().find_map(|(is_chosen, policy)| is_chosen.then_some(policy))
    }
}

/// What a policy means for what is imported.
pub(super) fn meaning(policy: ContentPolicy) -> &'static str {
    match policy {
        ContentPolicy::Clean => "its scripts do not run",
        ContentPolicy::Sandbox => "its scripts run, in an origin of their own",
        ContentPolicy::Trusted => "its scripts run, with all that the site itself may do",
    }
}

/// Asks whoever sits at the terminal; who only presses Enter leaves it at what is said without a flag.
pub(super) fn ask_for_policy() -> Result<PolicyFlags, Failure> {
    remark("There is HTML among the files. How far is it trusted?");
    for policy in [ContentPolicy::Clean, ContentPolicy::Sandbox, ContentPolicy::Trusted] {
        remark(&format!("  {:<8} {}", policy.to_string(), meaning(policy)));
    }
    loop {
        remark("clean, sandbox or trusted? [as the folder says, else clean]");
        let mut line = String::new();
        let read = std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut line);
        read.map_err(|error| Failure::because("cannot read the answer", &error))?;
        match line.trim() {
            "" => return Ok(PolicyFlags::default()),
            text => match text.parse() {
                Ok(policy) => return Ok(PolicyFlags::of(policy)),
                Err(error) => remark(&format!("{error}")),
            },
        }
    }
}
