//! Objects that do something with the rights of their owner: nobody else says what.

use super::*;
use crate::security::permission::{EDIT, SITE};

/// Ann manages `/docs` and nothing else, mia the whole site; both have a robot in there, and mia a page.
fn site() -> (Site, Oid, Oid) {
    let mut site = Site::new("/docs\n/docs/page title=P\n/docs/sub\n");
    let (ann, mia) = (site.user("/", "ann", ""), site.user("/", "mia", "Manager"));
    site.give("/docs", Subject::Principal(ann), "Manager");
    let docs = site.oid("/docs");
    for (owner, called) in [(ann, "of-ann"), (mia, "of-mia")] {
        site.change(|t| {
            t.set_maker(Some(owner));
            t.add(docs, &name(called), &name("robot"), []).map(drop)
        });
    }
    site.own("/docs/page", mia);
    (site, ann, mia)
}

#[test]
fn only_its_owner_and_those_who_run_the_site_say_what_it_does() {
    let (site, ann, mia) = site();
    let [docs, sub, of_ann, of_mia, page] =
        ["/docs", "/docs/sub", "/docs/of-ann", "/docs/of-mia", "/docs/page"].map(|path| site.oid(path));
    let says = |t: &mut Transaction, robot| t.set(robot, &name("does"), Some("harm".into()));
    type Work<'a> = &'a dyn Fn(&mut Transaction) -> Result<(), TransactionError>;
    let refused: &[&str] = &["Manage site at /"];
    let cases: [(&str, Oid, Work<'_>, &[&str]); 15] = [
        ("her own", ann, &|t| says(t, of_ann), &[]),
        ("somebody else's", ann, &|t| says(t, of_mia), refused),
        (
            "somebody else's, taken over",
            ann,
            &|t| t.set_owner(of_mia, Some(ann)).and_then(|()| says(t, of_mia)),
            &[],
        ),
        ("her own, given away", ann, &|t| t.set_owner(of_ann, Some(mia)), refused),
        (
            "her own, told and given away",
            ann,
            &|t| says(t, of_ann).and_then(|()| t.set_owner(of_ann, Some(mia))),
            refused,
        ),
        ("her own, given to nobody", ann, &|t| t.set_owner(of_ann, None), &[]),
        ("a page that becomes one", ann, &|t| t.set_type(page, &name("robot")), refused),
        ("a new one", ann, &|t| t.add(docs, &name("r"), &name("robot"), []).map(drop), &[]),
        (
            "a new one for another",
            ann,
            &|t| {
                t.set_maker(Some(mia));
                t.add(docs, &name("r"), &name("robot"), []).map(drop)
            },
            refused,
        ),
        (
            "deleted and moved",
            ann,
            &|t| t.delete(of_mia).and_then(|()| t.move_to(of_ann, docs, &name("r"))),
            &[],
        ),
        ("told by who runs the site", mia, &|t| says(t, of_ann), &[]),
        // What it says may be about where it stands.
        ("somebody else's, moved", ann, &|t| t.move_to(of_mia, sub, &name("r")), refused),
        ("somebody else's, renamed", ann, &|t| t.move_to(of_mia, docs, &name("r")), &[]),
        ("her own, moved", ann, &|t| t.move_to(of_ann, sub, &name("r")), &[]),
        ("moved by who runs the site", mia, &|t| t.move_to(of_ann, sub, &name("r")), &[]),
    ];
    for (what, who, work, expected) in cases {
        assert_eq!(site.refused(&site.actor(who), work), expected, "{what}");
    }
}

/// It would do its work again.
#[test]
fn only_its_owner_and_those_who_run_the_site_bring_it_back() {
    let (mut site, ann, mia) = site();
    let [docs, of_ann, of_mia] = ["/docs", "/docs/of-ann", "/docs/of-mia"].map(|path| site.oid(path));
    site.delete("/docs/of-ann").delete("/docs/of-mia");
    let back = |who, robot| {
        let was = site.tree.object(robot).unwrap().unwrap();
        site.refused(&site.actor(who), |t| t.restore(&was, docs, &name("back")))
    };
    assert_eq!(back(ann, of_mia), ["Manage site at /"]);
    let nothing: [String; 0] = [];
    assert_eq!(back(ann, of_ann), nothing, "her own");
    assert_eq!(back(mia, of_ann), nothing, "by who runs the site");
}

/// A token for a little would be one for everything, if it could have a robot do the rest.
#[test]
fn who_comes_with_a_token_tells_none() {
    let (site, ann, _) = site();
    let within = Within { subtree: None, permissions: Some(Roles::named([EDIT, SITE])) };
    let by_token = Actor { within: Some(Arc::new(within)), ..site.actor(ann) };
    let of_ann = site.oid("/docs/of-ann");
    let told = site.refused(&by_token, |t| t.set(of_ann, &name("does"), Some("harm".into())));
    assert_eq!(told, ["Manage site at /"]);
}
