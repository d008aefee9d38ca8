//! Templates: what they see, and what bounds them.

use std::time::{Duration, Instant};

use bough_web::{Config, Limits};

use crate::site::TestSite;

fn site() -> TestSite {
    let limits = Limits { template_fuel: 200_000, page_bytes_max: 100_000, ..Limits::default() };
    let site = TestSite::with_config(Config { limits, ..Config::default() });
    site.set("/", "title", "Root");
    site.set("/", "colour", "red");
    site.put("/a", "folder", &[("title", "A & co")]);
    site.put("/a/b", "page", &[("title", "B"), ("body", "<em>hi</em>"), ("own", "mine")]);
    site
}

/// Renders `source` as the template `/a/t.html`.
async fn render(site: &TestSite, source: &str) -> (u16, String) {
    site.set("/a/t.html", "source", source);
    let answer = site.get("/a/t.html").await;
    (answer.status.as_u16(), answer.text())
}

#[tokio::test]
async fn a_template_sees_what_its_place_acquires_and_the_site_around_it() {
    let site = site();
    site.put("/a/t.html", "template", &[]);
    site.put("/a/_private", "page", &[("title", "hidden")]);
    site.set("/a", "_note", "hidden");
    for (source, expected) in [
        (
            "{{ here.child('_private') }} {{ here.acquire('_note') }} {{ here._note is defined }}",
            "none none False",
        ),
        ("{{ title }} {{ colour }}", "A &amp; co red"),
        (
            "{{ here.title }} {{ here.name }} {{ here.type }} {{ here.url }} {{ here.path }}",
            "A &amp; co a folder /a/ /a",
        ),
        ("{{ container.title }} {{ site.title }} {{ site.url }}", "Root Root /"),
        ("{{ here.parent.parent }}", "none"),
        ("{% for c in here.breadcrumbs %}{{ c.title }};{% endfor %}", "Root;A &amp; co;"),
        ("{% for c in here.children %}{{ c.name }};{% endfor %}", "b;t.html;"),
        ("{% for c in here.children(limit=1, by='name', after='b') %}{{ c.name }};{% endfor %}", "t.html;"),
        ("{{ here.child('b').own }} {{ here.child('none') is none }}", "mine True"),
        ("{{ here.acquire('colour') }} {{ here.child('b').acquire('colour') }}", "red red"),
        ("{{ here.colour is defined }}", "False"),
        ("{{ b.title }} {{ b }}", "B B"),
        ("{{ request.method }} {{ request.path }}", "GET /a/t.html"),
        ("{% if here.children %}some{% endif %}{% if b.children %}none{% endif %}", "some"),
        ("{{ b == here.child('b') }} {{ b == here }}", "True False"),
        ("{{ range(3)|join(',') }} {{ range(5, 1, -2)|join(',') }}", "0,1,2 5,3"),
    ] {
        let (status, text) = render(&site, source).await;
        assert_eq!((status, text.to_lowercase()), (200, expected.to_lowercase()), "{source}");
    }
}

#[tokio::test]
async fn what_people_wrote_is_escaped_and_a_pages_text_in_its_layout_is_not() {
    let site = site();
    site.put(
        "/layout.html",
        "template",
        &[("source", "<h1>{{ title }}</h1>{{ content }}|{{ request.query.q }}")],
    );
    site.set("/a/b", "title", "<script>");
    let answer = site.get("/a/b?q=%3Cb%3E+x").await;
    assert_eq!(answer.text(), "<h1>&lt;script&gt;</h1><em>hi</em>|&lt;b&gt; x");
    site.put("/plain.txt", "template", &[("source", "{{ title }} {{ a.title }}")]);
    let plain = site.get("/plain.txt").await;
    assert_eq!(
        (plain.header("content-type"), plain.text().as_str()),
        ("text/plain; charset=utf-8", "Root A & co")
    );
}

#[tokio::test]
async fn templates_are_acquired_from_the_place_of_the_one_that_names_them() {
    let site = site();
    site.put("/layout.html", "template", &[("source", "[{% block content %}{{ content }}{% endblock %}]")]);
    site.put("/part.html", "template", &[("source", "root part")]);
    site.put("/a/part.html", "template", &[("source", "a part")]);
    site.put("/a/layout.html", "template", &[(
        "source",
        "{% extends 'layout.html' %}{% block content %}a({{ super() }}){% include 'part.html' %}{% endblock %}",
    )]);
    site.put("/outer.html", "template", &[("source", "{% include 'part.html' %}")]);
    site.put("/macros.html", "template", &[("source", "{% macro m(x) %}<{{ x }}>{% endmacro %}")]);
    site.put("/a/uses.html", "template", &[("source", "{% from 'macros.html' import m %}{{ m('y') }}")]);

    assert_eq!(site.get("/a/b").await.text(), "[a(<em>hi</em>)a part]");
    assert_eq!(site.get("/outer.html").await.text(), "root part");
    assert_eq!(site.get("/a/uses.html").await.text(), "<y>");
    site.set("/part.html", "source", "changed");
    assert_eq!(site.get("/outer.html").await.text(), "changed", "what is compiled belongs to one revision");
}

#[tokio::test]
async fn an_acquired_template_is_applied_where_steps_may_be_acquired() {
    let site = site();
    site.put("/print", "template", &[("source", "printed {{ here.title }}: {{ content }}")]);
    assert_eq!(site.get("/a/b/print").await.status, 404);
    site.set("/", "_acquire_steps", true);
    let answer = site.get("/a/b/print").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "printed B: <em>hi</em>"));
    assert_eq!(answer.header("link"), "</a/b>; rel=\"canonical\"");
    assert_eq!(site.get("/a/b/print/").await.outcome(), (308, "/a/b/print"));
    assert_eq!(site.get("/a/b/layout").await.status, 404, "content is never acquired by a URL");
}

#[tokio::test]
async fn what_a_template_may_not_do_is_an_error_and_never_a_hang() {
    let site = site();
    site.put("/a/t.html", "template", &[]);
    let long_loop = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
    let double = "{% set x %}{{ x }}{{ x }}{% endset %}".repeat(40);
    let concat = "{% set x = x ~ x %}".repeat(40);
    let add = "{% set x = x + x %}".repeat(40);
    let raw = format!(
        "{{% set y %}}{{% for a in range(10000) %}}{}{{% endfor %}}{{% endset %}}",
        "raw ".repeat(25_000)
    );
    let lists = format!("{{% set l = [1, 2] %}}{}{{{{ l }}}}", "{% set l = [l, l] %}".repeat(40));
    for source in [
        "{{ nothing }}",
        "{{ here.nothing }}",
        "{{ _acquire_steps }}",
        "{{ debug() }}",
        "{% for a in range(100000000) %}{% endfor %}",
        "{{ range(9223372036854775807) }}",
        "{{ 'x'|indent(1000000000) }}",
        "{{ ('x' * 10000)|replace('', 'y' * 10000) }}",
        "{{ 'x' * 1000000000 }}",
        "{% for a in range(10000) %}0123456789abcdef{% endfor %}",
        "{% include 't.html' %}",
        "{% include 'none.html' %}",
        "{% extends 'none.html' %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% if %}",
        "{{ here.children(by='size') }}",
        "{{ here.children(sort='name') }}",
        long_loop,
        &format!("{{% set x = 'xx' %}}{double}"),
        &lists,
        &format!("{{% set x = 'xx' %}}{concat}"),
        &format!("{{% set x = 'xx' %}}{add}"),
        &format!("{{% set x = [1, 2] %}}{add}{{{{ x|length }}}}"),
        &format!("{{% set x = [1, 2] %}}{}{{{{ 'a' ~ x }}}}", "{% set x = [x, x] %}".repeat(40)),
        "{% macro m(x, n) %}{% if n %}{{ m(x ~ x, n - 1) }}{% endif %}{% endmacro %}{{ m('xx', 12) }}{{ m('xxxxxxxx' * 1000, 12) }}",
        &raw,
        &"(".repeat(100_000),
        &format!("{{{{ {} }}}}", "(".repeat(50_000)),
        &format!("{{{{ {}1 }}}}", "not ".repeat(50_000)),
        &format!("{{{{ 1{} }}}}", "+1".repeat(60_000)),
        &"{% if true %}".repeat(10_000),
    ] {
        let started = Instant::now();
        let start: String = source.chars().take(60).collect();
        let (status, _) = render(&site, source).await;
        let expected: &[u16] = if source.starts_with("((") { &[200] } else { &[500] };
        assert!(expected.contains(&status), "{start}: {status}");
        assert!(started.elapsed() < Duration::from_secs(10), "{start}");
    }
}

#[tokio::test]
async fn a_template_runs_no_longer_than_its_time() {
    let limits = Limits {
        template_fuel: u64::MAX >> 2,
        page_bytes_max: usize::MAX >> 2,
        request_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let site = TestSite::with_config(Config { limits, ..Config::default() });
    let loops = "{% for a in range(10000) %}{% for b in range(10000) %}{{ '' }}{% endfor %}{% endfor %}";
    site.put("/t", "template", &[("source", loops)]);
    let started = Instant::now();
    assert_eq!(site.get("/t").await.status, 503);
    drop(site);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_loop_over_children_reads_pages_and_ends_at_its_bound() {
    let site = site();
    site.put("/many", "folder", &[]);
    site.change(|draft| {
        let many = draft.at(&crate::site::path("/many"))?;
        for nth in 0..1_205 {
            draft.add(many, &crate::site::name(&format!("c{nth:04}")), &crate::site::name("page"), [])?;
        }
        Ok(())
    });
    let source = "{% for c in here.children %}{% if loop.index in [1, 101, 1000] %}{{ c.name }} {% endif %}{% if \
                  loop.last %}{{ loop.index }}{% endif %}{% endfor %}{% for c in here.children(2, after='c0999') %} {{ \
                  c.name }}{% endfor %}";
    site.put("/many/index.html", "template", &[("source", source)]);
    assert_eq!(site.get("/many/").await.text(), "c0000 c0100 c0999 1000 c1000 c1001");
}
