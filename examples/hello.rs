//! A page in a few lines: `cargo run --example hello` prints it, `cargo run --example hello -- --serve` serves it.
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use axum::body::{Body, to_bytes};
use axum::http::Request;
use bough::prelude::*;
use tower::ServiceExt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let site = Site::in_memory()?;
    site.write("Make the first page", |tx| {
        tx.set("/", "title", "My site")?;
        tx.add_with("/layout.html", "template", [("source", "<h1>{{ title }}</h1>{{ content }}".into())])?;
        tx.add_with("/hello", "page", [("title", "Hello".into()), ("body", "<p>Hello, tree!</p>".into())])
    })?;

    if std::env::args().any(|argument| argument == "--serve") {
        println!("Look at http://127.0.0.1:8080/hello, stop with Ctrl-C");
        return Ok(site.serve("127.0.0.1:8080")?);
    }
    println!("{}", fetch(&site, "/hello")?);
    Ok(())
}

/// What a browser would be shown, without a server.
fn fetch(site: &Site, url: &str) -> Result<String, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = runtime.block_on(async {
        let response = site.router().oneshot(Request::get(url).body(Body::empty())?).await?;
        Ok::<_, Box<dyn std::error::Error>>(to_bytes(response.into_body(), 1 << 20).await?)
    })?;
    Ok(String::from_utf8(body.to_vec())?)
}
