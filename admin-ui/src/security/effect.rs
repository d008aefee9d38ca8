//! What another setting of a permission would do: which roles, and which people, would gain and lose it.

use bough_core::security::permission::{ANONYMOUS, AUTHENTICATED, OWNER};
use bough_core::security::{Roles, Setting};
use bough_core::{CellKey, Content, Name, Object};
use bough_web::pages::{PageError, PageRequest};

use crate::people::{self, Walked};

/// How many people are named.
const NAMED_MAX: usize = 6;

/// The roles that have a permission, from what the object and its containers say about it, the object first.
pub(super) fn effective<'a>(
    settings: impl IntoIterator<Item = Option<&'a Setting>>,
    defaults: &Roles,
) -> Roles {
    let mut roles = Roles::default();
    for setting in settings.into_iter().flatten() {
        roles = roles.with(&setting.roles);
        if !setting.acquire {
            return roles;
        }
    }
    roles.with(defaults)
}

/// What an object itself says about a permission.
pub(super) fn setting<'o>(object: &'o Object, permission: &Name) -> Option<&'o Setting> {
    match object.content(&CellKey::Permission(permission.clone())) {
        Some(Content::Setting(setting)) => Some(setting),
        _ => None,
    }
}

/// Some people, some of them by name.
#[derive(Default)]
pub(super) struct People {
    pub(super) names: Vec<String>,
    pub(super) count: usize,
}

impl People {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < NAMED_MAX {
            self.names.push(name.to_owned());
        }
    }

    /// As in `ann, ben and 3 more`.
    fn text(&self) -> String {
        let names = &self.names;
        match (self.count - names.len(), &names[..]) {
            (0, []) => "nobody".into(),
            (0, [one]) => one.clone(),
            (0, [others @ .., last]) => format!("{} and {last}", others.join(", ")),
            (more, names) => format!("{} and {more} more", names.join(", ")),
        }
    }
}

/// What a change would do.
pub(super) struct Effect {
    pub(super) sentences: Vec<String>,
    pub(super) takes_from_oneself: bool,
    pub(super) is_nothing: bool,
}

impl Effect {
    /// Of a change from these roles to those.
    pub(super) fn of(
        request: &PageRequest,
        object: &Object,
        before: &Roles,
        after: &Roles,
    ) -> Result<Self, PageError> {
        let gained = without(after, before);
        let lost = without(before, after);
        let mut effect = Self {
            sentences: Vec::new(),
            takes_from_oneself: false,
            is_nothing: gained.is_empty() && lost.is_empty(),
        };
        if effect.is_nothing {
            return Ok(effect);
        }
        let was_public = before.contains(ANONYMOUS);
        let is_public = after.contains(ANONYMOUS);
        match (was_public, is_public) {
            (false, true) => effect.sentences.push("Everybody gains it, also without logging in.".into()),
            (true, false) => {
                effect.sentences.push(match after.contains(AUTHENTICATED) {
                    true => "Whoever is not logged in loses it.".into(),
                    false => {
                        "The public loses it: whoever is not logged in, or has none of these roles.".into()
                    }
                });
            }
            _ => {}
        }
        for (roles, verb) in [(&gained, "gain"), (&lost, "lose")] {
            let others = Roles::new(roles.iter().filter(|role| **role != *ANONYMOUS).cloned());
            if !others.is_empty() {
                let (word, s) = if others.len() == 1 { ("role", "s") } else { ("roles", "") };
                effect.sentences.push(format!("The {word} {others} {verb}{s} it."));
            }
        }
        if was_public && is_public {
            effect.sentences.push("For people nothing changes: everybody has it.".into());
            return Ok(effect);
        }
        let scope = bough_core::Snapshot::scope(request.snapshot(), object.oid())?;
        let (mut gain, mut lose) = (People::default(), People::default());
        let oneself = request.actor().user().map(|user| user.oid);
        let walked = people::each_user(request, object.oid(), &mut |account, user| {
            let held = people::held(&scope, user);
            let had = was_public || held.meets(before);
            let has = is_public || held.meets(after);
            match (had, has) {
                (false, true) => gain.add(account.name.as_str()),
                (true, false) => {
                    lose.add(account.name.as_str());
                    effect.takes_from_oneself |= Some(user.oid) == oneself;
                }
                _ => {}
            }
            Ok(true)
        })?;
        if !is_public || !was_public {
            let cut = if walked == Walked::All { "" } else { " (among the first 20,000 users)" };
            for (people, verb) in [(&gain, "gain"), (&lose, "lose")] {
                if people.count > 0 {
                    let s = if people.count == 1 { "s" } else { "" };
                    effect.sentences.push(format!("Of the users here, {} {verb}{s} it{cut}.", people.text()));
                }
            }
            if gain.count == 0 && lose.count == 0 {
                effect.sentences.push(format!("No user gains or loses it{cut}."));
            }
        }
        if lost.contains(OWNER) || gained.contains(OWNER) {
            effect.sentences.push(
                "Owner: whoever owns the object in question; for what is in here, that may be others.".into(),
            );
        }
        Ok(effect)
    }
}

/// Those roles that are not among the others.
pub(super) fn without(roles: &Roles, others: &Roles) -> Roles {
    Roles::new(roles.iter().filter(|role| !others.contains(role.as_str())).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(roles: &[&str], acquire: bool) -> Setting {
        Setting { roles: Roles::named(roles.iter().copied()), acquire }
    }

    #[test]
    fn settings_add_up_until_one_stops_what_is_above() {
        let defaults = Roles::named(["Manager"]);
        let (more, only) = (setting(&["Editor"], true), setting(&["Reader"], false));
        for (said, roles) in [
            (vec![None, None], "Manager"),
            (vec![Some(&more), None], "Editor, Manager"),
            (vec![None, Some(&only)], "Reader"),
            (vec![Some(&more), Some(&only)], "Editor, Reader"),
            (vec![Some(&only), Some(&more)], "Reader"),
            (vec![Some(&setting(&[], false))], "nobody"),
        ] {
            assert_eq!(effective(said.clone(), &defaults).to_string(), roles, "{said:?}");
        }
    }

    #[test]
    fn many_people_are_counted_and_some_named() {
        let mut people = People::default();
        assert_eq!(people.text(), "nobody");
        people.add("ann");
        assert_eq!(people.text(), "ann");
        people.add("ben");
        assert_eq!(people.text(), "ann and ben");
        (0..10).for_each(|nth| people.add(&format!("u{nth}")));
        assert_eq!(people.text(), "ann, ben, u0, u1, u2, u3 and 6 more");
    }
}
