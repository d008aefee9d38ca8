//! Files for browsers: style, modules, and the editor where it was built in.

use bough_web::pages::{PageAnswer, PageError, PageRequest};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/assets"]
struct Files;

/// Changes with any of the files.
const MARK: &str = env!("BOUGH_ASSETS_MARK");

/// The file name of the code editor's module, where it was built in.
const EDITOR: &str = include_str!(concat!(env!("OUT_DIR"), "/vendor.txt"));

/// The code editor's module in the folder `vendor`; none where it was not built in.
pub(crate) fn editor() -> Option<&'static str> {
    Some(EDITOR).filter(|name| !name.is_empty())
}

/// The path of the folder of files, with a slash at its end.
pub(crate) fn folder(request: &PageRequest) -> String {
    format!("{}/@@{}/assets/{MARK}/", request.prefix(), crate::VIEW)
}

/// Answers with a file. One of another build is not there: a page that asks for it is older than this server.
pub(crate) fn answer(mark: &str, steps: &[&str]) -> Result<PageAnswer, PageError> {
    let name = steps.join("/");
    let file = Files::get(&name).filter(|_| mark == MARK).ok_or_else(PageError::not_found)?;
    let extension = name.rsplit('.').next().unwrap_or_default();
    let media_type = match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };
    Ok(PageAnswer::Asset { media_type, bytes: file.data.into_owned().into() })
}
