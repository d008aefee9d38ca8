//! Templates that run: limited by their owners, with roles of their own.

use super::*;
use crate::security::permission::VIEW;
use crate::security::{Reason, explain};

/// Templates /t and /shop/t, a hidden object in each of / and /shop, and users: Mia manages, Ed edits, Ann is nobody.
struct Shop {
    site: Site,
    mia: Oid,
    ed: Oid,
    ann: Oid,
}

fn shop() -> Shop {
    let mut site = Site::new("/t :template\n/u :template\n/x\n/shop/t :template\n/shop/x");
    let (mia, ed, ann) =
        (site.user("/", "mia", "Manager"), site.user("/", "ed", "Editor"), site.user("/", "ann", ""));
    site.say("/", "Read", "Editor");
    Shop { site, mia, ed, ann }
}

impl Shop {
    fn proxy(&mut self, path: &str, has: &str) {
        let oid = self.site.oid(path);
        self.site.change(|draft| draft.set_proxy_roles(oid, Some(roles(has))));
    }

    /// Which of /x and /shop/x `actor` may read while these templates run, one called by the other.
    fn reads(&self, who: Oid, templates: &[&str]) -> [bool; 2] {
        let mut access = self.site.access(&self.site.actor(who));
        for template in templates {
            access =
                access.running(&self.site.tree.object(self.site.oid(template)).unwrap().unwrap()).unwrap();
        }
        ["/x", "/shop/x"].map(|path| {
            let object = self.site.tree.object(self.site.oid(path)).unwrap().unwrap();
            let allowed = access.allows("Read", &object).unwrap();
            let explained = explain(&access, "Read", &object).unwrap();
            assert_eq!(explained.allowed, allowed, "{path}: {explained:?}");
            allowed
        })
    }
}

#[test]
fn a_template_shows_no_more_than_its_owner_may_see() {
    let mut shop = shop();
    let (mia, ed, ann) = (shop.mia, shop.ed, shop.ann);
    assert_eq!(shop.reads(mia, &["/t"]), [true, true], "nobody's template");
    for (owner, asks, reads) in
        [(mia, ed, true), (ed, mia, true), (ann, mia, false), (mia, ann, false), (ann, ann, false)]
    {
        shop.site.own("/t", owner);
        assert_eq!(shop.reads(asks, &["/t"]), [reads, reads], "{owner}'s, for {asks}");
    }
    shop.site.own("/t", ed).delete("/_users/ed");
    assert_eq!(shop.reads(mia, &["/t"]), [false, false], "of somebody who is gone: what everybody may");
    let access = shop.site.access(&shop.site.actor(mia));
    let template = shop.site.tree.object(shop.site.oid("/t")).unwrap().unwrap();
    assert!(access.running(&template).unwrap().allows_at(VIEW, shop.site.oid("/x")).unwrap());
}

#[test]
fn whoever_owns_the_machine_is_limited_by_templates_too() {
    let mut shop = shop();
    let ann = shop.ann;
    shop.site.own("/t", ann);
    let template = shop.site.tree.object(shop.site.oid("/t")).unwrap().unwrap();
    let access = shop.site.access(&Actor::system()).running(&template).unwrap();
    assert!(!access.allows_at("Read", shop.site.oid("/x")).unwrap());
}

#[test]
fn the_roles_of_a_template_count_in_its_container_and_below() {
    let mut shop = shop();
    let (mia, ann) = (shop.mia, shop.ann);
    shop.site.own("/t", mia).own("/shop/t", mia);
    shop.proxy("/t", "Editor");
    shop.proxy("/shop/t", "Editor");
    assert_eq!(shop.reads(ann, &["/t"]), [true, true]);
    assert_eq!(shop.reads(ann, &["/shop/t"]), [false, true]);
    shop.proxy("/t", "Nothing");
    assert_eq!(shop.reads(mia, &["/t"]), [false, false], "they stand for the caller's roles, and limit him");
}

/// Ann, whom somebody made the manager of one template, gave it roles and read with them what she may not.
#[test]
fn the_roles_of_a_template_give_its_owner_nothing_that_he_has_not() {
    let mut shop = shop();
    let ann = shop.ann;
    shop.site.own("/t", ann).give("/t", Subject::Principal(ann), "Manager");
    shop.proxy("/t", "Manager Editor");
    assert_eq!(shop.reads(ann, &["/t"]), [false, false]);
}

/// A template with roles that calls one of Ann's, run by Ann, must not lend it the roles.
#[test]
fn a_template_does_not_lend_its_roles_to_those_it_calls() {
    let mut shop = shop();
    let (mia, ed, ann) = (shop.mia, shop.ed, shop.ann);
    shop.site.own("/t", mia).own("/u", ann);
    shop.proxy("/t", "Editor");
    assert_eq!(shop.reads(ann, &["/t"]), [true, true]);
    assert_eq!(shop.reads(ann, &["/t", "/u"]), [false, false]);
    shop.site.own("/u", ed);
    assert_eq!(shop.reads(ann, &["/t", "/u"]), [false, false], "the called one has the roles of who asks");
    assert_eq!(shop.reads(ed, &["/t", "/u"]), [true, true]);
}

/// What takes part in a page runs with the page's roles, within what its own owner may.
#[test]
fn a_part_of_a_template_with_roles_is_limited_by_its_owner_whoever_asks() {
    let mut shop = shop();
    let (mia, ann) = (shop.mia, shop.ann);
    shop.site.own("/t", mia).own("/u", ann);
    shop.proxy("/t", "Editor");
    let object = |path: &str| shop.site.tree.object(shop.site.oid(path)).unwrap().unwrap();
    let page = shop.site.access(&shop.site.actor(ann)).running(&object("/t")).unwrap();
    assert!(page.allows("Read", &object("/x")).unwrap());
    let part = page.limited_by(&object("/u")).unwrap();
    assert!(!part.allows("Read", &object("/x")).unwrap(), "Ann's part is limited by Ann, also for Ann");
    let explained = explain(&part, "Read", &object("/x")).unwrap();
    assert!(matches!(explained.reason, Reason::Limited(_)), "{explained:?}");
}
