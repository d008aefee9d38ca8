//! Preview links: a URL that shows a part of a version to whoever holds it, for a while.
//!
//! What the URL carries is a token: the link's id, when it expires, and a keyed BLAKE3 hash of both. So a forged or
//! expired one is refused without looking anything up; whether the link still stands, and what it shows, is looked up
//! each time, so that taking it back works at once.
//!
//! # Invariants
//! - The key is made once for a store and never leaves it.
//! - A link shows one version by its number: another one that has the name later is not shown.
//! - Tokens are compared in constant time.
//!
//! Not here: cookies and URLs (`publisher::line`).

use bough_core::Oid;
use bough_core::snapshot::is_live;
use bough_store::side_space::PREVIEW;
use bough_store::version::VersionError;
use bough_store::{CommitError, Database, LineId, LineStatus, SideWrite, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The step before a token in a URL.
pub(crate) const STEP: &str = "@@preview";
/// How many links there may be at the same time.
pub const PREVIEW_LINKS_MAX: usize = 10_000;
/// Longest label in bytes.
pub const PREVIEW_LABEL_BYTES_MAX: usize = 200;

const SECRET_KEY: &[u8] = b"secret";
const LINK_KEY: &[u8] = b"link";
/// What is hashed begins with this, so that the key may serve other ends, too.
const MAC_CONTEXT: &[u8] = b"bough preview link 1";

/// A link that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewLink {
    /// What it is called when it is to be taken back: eight hexadecimal digits.
    pub id: String,
    /// The version that it shows.
    pub line: LineId,
    /// The object that it shows, with everything in it.
    pub subtree: Oid,
    /// Until when, in microseconds since 1970.
    pub expires_micros: u64,
    /// When it was made, in microseconds since 1970.
    pub made_micros: u64,
    /// Who made it.
    pub made_by: String,
    /// The user who made it, and as whom it is looked at; none for the owner of the machine.
    pub maker: Option<Oid>,
    /// What it is for.
    pub label: String,
}

/// A link that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPreviewLink {
    /// The object that it shows, with everything in it.
    pub subtree: Oid,
    /// Until when, in microseconds since 1970.
    pub expires_micros: u64,
    /// Who makes it.
    pub made_by: String,
    /// The user who makes it; none for the owner of the machine.
    pub maker: Option<Oid>,
    /// What it is for, at most [`PREVIEW_LABEL_BYTES_MAX`] bytes.
    pub label: String,
}

/// Why a link could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreviewError {
    /// It would be expired already.
    #[error("the link would expire before it was made")]
    Expired,
    /// The version does not show the object.
    #[error("version `{version}` has no object {oid}")]
    NoObject {
        /// The version's name.
        version: String,
        /// What was to be shown.
        oid: Oid,
    },
    /// The label is too long.
    #[error("the label has {0} bytes: at most {PREVIEW_LABEL_BYTES_MAX} are kept")]
    Label(usize),
    /// There are too many.
    #[error("there are {PREVIEW_LINKS_MAX} preview links already: take some back first")]
    TooMany,
    /// The line is no version, or one that is not open.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The store cannot be read.
    #[error("the version cannot be read")]
    Store(#[from] StoreError),
    /// The link could not be written.
    #[error("the link cannot be kept")]
    Commit(#[from] CommitError),
}

/// What is written of a link.
#[derive(Serialize, Deserialize)]
struct LinkDisk {
    line: u32,
    subtree: String,
    expires_micros: u64,
    made_micros: u64,
    made_by: String,
    #[serde(default)]
    maker: Option<String>,
    label: String,
}

/// Makes a link to a version. Answers it with the path of its URL on the version's host.
///
/// # Errors
/// When the version is not open or has no such object, or it cannot be written.
pub fn make_preview_link(
    version: &Database,
    new: &NewPreviewLink,
) -> Result<(PreviewLink, String), PreviewError> {
    let info = version.version_info()?;
    if info.status != LineStatus::Open {
        return Err(VersionError::Status { name: info.name, status: info.status }.into());
    }
    let now = version.now_micros();
    if new.expires_micros <= now {
        return Err(PreviewError::Expired);
    }
    if new.label.len() > PREVIEW_LABEL_BYTES_MAX {
        return Err(PreviewError::Label(new.label.len()));
    }
    if !is_live(&version.snapshot(), new.subtree).map_err(StoreError::from)? {
        return Err(PreviewError::NoObject { version: info.name, oid: new.subtree });
    }
    // Two links that are made at the same time must not make two secrets, nor take the same id.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock();
    let taken = version.side_keys(PREVIEW, LINK_KEY, PREVIEW_LINKS_MAX)?;
    if taken.len() == PREVIEW_LINKS_MAX {
        return Err(PreviewError::TooMany);
    }
    let mut writes = Vec::new();
    let secret = match secret(version)? {
        Some(secret) => secret,
        None => {
            let secret = new_secret();
            let value = Some(secret.to_vec());
            writes.push(SideWrite { space: PREVIEW, key: SECRET_KEY.into(), value, expires_micros: 0 });
            secret
        }
    };
    let id = loop {
        let id = random_id();
        if !taken.contains(&link_key(id)) {
            break id;
        }
    };
    let disk = LinkDisk {
        line: info.line.0,
        subtree: new.subtree.to_string(),
        expires_micros: new.expires_micros,
        made_micros: now,
        made_by: new.made_by.clone(),
        maker: new.maker.map(|maker| maker.to_string()),
        label: new.label.clone(),
    };
    let value = serde_json::to_vec(&disk).unwrap_or_else(|error| unreachable!("BUG: plain data: {error}"));
    let expires_micros = new.expires_micros;
    writes.push(SideWrite { space: PREVIEW, key: link_key(id), value: Some(value), expires_micros });
    version.write_side(&writes)?;
    let path = format!("/{STEP}/{}", token(&secret, id, expires_micros));
    let link = disk.read(id).unwrap_or_else(|| unreachable!("BUG: an oid reads back as it was written"));
    Ok((link, path))
}

/// The links to a version that stand, by when they expire.
///
/// # Errors
/// When the store cannot be read.
pub fn preview_links(version: &Database) -> Result<Vec<PreviewLink>, StoreError> {
    let mut links = Vec::new();
    for key in version.side_keys(PREVIEW, LINK_KEY, PREVIEW_LINKS_MAX)? {
        let id = key.strip_prefix(LINK_KEY).and_then(|id| id.try_into().ok()).map(u32::from_be_bytes);
        let Some(id) = id else { continue };
        links.extend(link(version, id)?.filter(|link| link.line == version.line()));
    }
    links.sort_by_key(|link| link.expires_micros);
    Ok(links)
}

/// Takes a link to a version back: nobody sees anything by it any more. False where there is no such link.
///
/// # Errors
/// As for a commit.
pub fn revoke_preview_link(version: &Database, id: &str) -> Result<bool, PreviewError> {
    let Some(id) = hex(id, 8).and_then(|id| u32::try_from(id).ok()) else { return Ok(false) };
    if link(version, id)?.is_none_or(|link| link.line != version.line()) {
        return Ok(false);
    }
    version.write_side(&[SideWrite { space: PREVIEW, key: link_key(id), value: None, expires_micros: 0 }])?;
    Ok(true)
}

/// What a token is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody made it here.
    Forged,
    /// It is expired, or was taken back.
    Gone,
    /// The link stands.
    Stands(PreviewLink),
}

/// Judges a token.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn judge(database: &Database, text: &str) -> Result<Verdict, StoreError> {
    let mut parts = text.split('-');
    let (id, expires, mac) = (parts.next(), parts.next(), parts.next());
    let id = id.and_then(|id| hex(id, 8)).and_then(|id| u32::try_from(id).ok());
    let expires = expires.and_then(|expires| hex(expires, 16));
    let mac = mac.filter(|_| parts.next().is_none()).and_then(|mac| blake3::Hash::from_hex(mac).ok());
    let (Some(id), Some(expires), Some(mac)) = (id, expires, mac) else { return Ok(Verdict::Forged) };
    let Some(secret) = secret(database)? else { return Ok(Verdict::Forged) };
    // This comparison takes the same time wherever the two differ.
    if mac != mac_of(&secret, id, expires) {
        return Ok(Verdict::Forged);
    }
    if expires <= database.now_micros() {
        return Ok(Verdict::Gone);
    }
    Ok(link(database, id)?.map_or(Verdict::Gone, Verdict::Stands))
}

fn link(database: &Database, id: u32) -> Result<Option<PreviewLink>, StoreError> {
    let Some(bytes) = database.side(PREVIEW, &link_key(id))? else { return Ok(None) };
    let link = serde_json::from_slice::<LinkDisk>(&bytes).ok().and_then(|disk| disk.read(id));
    if link.is_none() {
        tracing::error!(id, "the record of a preview link cannot be read: it counts as taken back");
    }
    Ok(link)
}

impl LinkDisk {
    fn read(self, id: u32) -> Option<PreviewLink> {
        Some(PreviewLink {
            id: format!("{id:08x}"),
            line: LineId(self.line),
            subtree: self.subtree.parse().ok()?,
            expires_micros: self.expires_micros,
            made_micros: self.made_micros,
            made_by: self.made_by,
            maker: self.maker.map(|maker| maker.parse()).transpose().ok()?,
            label: self.label,
        })
    }
}

fn link_key(id: u32) -> Vec<u8> {
    [LINK_KEY, &id.to_be_bytes()].concat()
}

fn secret(database: &Database) -> Result<Option<[u8; 32]>, StoreError> {
    Ok(database.side(PREVIEW, SECRET_KEY)?.and_then(|secret| secret.try_into().ok()))
}

/// 244 bits of chance, spread over 256.
fn new_secret() -> [u8; 32] {
    let chance = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    *blake3::hash(&chance).as_bytes()
}

fn random_id() -> u32 {
    // The first bits of such a number are all chance.
    let [a, b, c, d, ..] = Uuid::new_v4().into_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn token(secret: &[u8; 32], id: u32, expires_micros: u64) -> String {
    format!("{id:08x}-{expires_micros:016x}-{}", mac_of(secret, id, expires_micros).to_hex())
}

fn mac_of(secret: &[u8; 32], id: u32, expires_micros: u64) -> blake3::Hash {
    let said = [MAC_CONTEXT, &id.to_be_bytes(), &expires_micros.to_be_bytes()].concat();
    blake3::keyed_hash(secret, &said)
}

/// Reads exactly so many hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u64> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use bough_store::version::{Management, NewVersion};
    use bough_store::{Note, Options};

    use super::*;
    use crate::types::built_in_types;

    const HOUR: u64 = 3_600_000_000;

    fn versions(names: &[&str]) -> (Database, Vec<Database>) {
        let trunk = Database::in_memory(Options::new(built_in_types())).unwrap();
        let open = |name: &&str| {
            let new = NewVersion { name: (*name).into(), ..NewVersion::default() };
            trunk.open_version(&new, Note::edit("test")).unwrap()
        };
        let versions = names.iter().map(open).collect();
        (trunk, versions)
    }

    fn make(version: &Database, for_micros: u64, label: &str) -> (PreviewLink, String) {
        let new = NewPreviewLink {
            subtree: Oid::ROOT,
            expires_micros: version.now_micros() + for_micros,
            made_by: "ana".into(),
            maker: None,
            label: label.into(),
        };
        let (link, path) = make_preview_link(version, &new).unwrap();
        (link, path.strip_prefix("/@@preview/").unwrap().to_owned())
    }

    #[test]
    fn a_token_stands_until_its_link_is_taken_back() {
        let (trunk, versions) = versions(&["a", "b"]);
        let (first, token) = make(&versions[0], HOUR, "for Bo");
        let (second, _) = make(&versions[1], 2 * HOUR, "");
        assert_eq!(judge(&trunk, &token).unwrap(), Verdict::Stands(first.clone()));
        assert_eq!((first.label.as_str(), first.made_by.as_str()), ("for Bo", "ana"));
        assert_eq!(preview_links(&versions[0]).unwrap(), std::slice::from_ref(&first));
        assert_eq!(preview_links(&versions[1]).unwrap(), [second]);
        assert!(!revoke_preview_link(&versions[1], &first.id).unwrap(), "that is another version's");
        assert!(revoke_preview_link(&versions[0], &first.id).unwrap());
        assert_eq!(judge(&trunk, &token).unwrap(), Verdict::Gone);
        assert!(preview_links(&versions[0]).unwrap().is_empty());
        assert!(!revoke_preview_link(&versions[0], &first.id).unwrap());
    }

    #[test]
    fn whatever_is_changed_in_a_token_it_is_forged() {
        let (trunk, versions) = versions(&["a"]);
        assert_eq!(judge(&trunk, "").unwrap(), Verdict::Forged, "and before there is any link");
        let (_, token) = make(&versions[0], HOUR, "");
        for nth in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[nth] = if other[nth] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(judge(&trunk, &other).unwrap(), Verdict::Forged, "{other}");
        }
        for wrong in
            [&token[1..], &token[..token.len() - 1], &format!("{token}-"), &format!("+{}", &token[1..])]
        {
            assert_eq!(judge(&trunk, wrong).unwrap(), Verdict::Forged, "{wrong}");
        }
        let (other, _) = super::tests::versions(&["a"]);
        make(&other.version("a").unwrap(), HOUR, "");
        assert_eq!(judge(&other, &token).unwrap(), Verdict::Forged, "each store has its own key");
    }

    #[test]
    fn an_expired_token_is_gone_and_its_record_with_it() {
        let (trunk, versions) = versions(&["a"]);
        let (link, _) = make(&versions[0], HOUR, "");
        let secret = secret(&trunk).unwrap().unwrap();
        let id = u32::from_str_radix(&link.id, 16).unwrap();
        assert_eq!(judge(&trunk, &token(&secret, id, trunk.now_micros())).unwrap(), Verdict::Gone);
        let new = NewPreviewLink {
            subtree: Oid::ROOT,
            expires_micros: trunk.now_micros(),
            made_by: String::new(),
            maker: None,
            label: String::new(),
        };
        assert!(matches!(make_preview_link(&versions[0], &new), Err(PreviewError::Expired)));
    }

    #[test]
    fn links_are_made_to_what_open_versions_show_and_to_nothing_else() {
        let (trunk, versions) = versions(&["a"]);
        let new = NewPreviewLink {
            subtree: Oid::ROOT,
            expires_micros: u64::MAX,
            made_by: String::new(),
            maker: None,
            label: "x".repeat(PREVIEW_LABEL_BYTES_MAX),
        };
        assert!(matches!(make_preview_link(&trunk, &new), Err(PreviewError::Version(VersionError::Trunk))));
        let long = NewPreviewLink { label: format!("{}x", new.label), ..new.clone() };
        assert!(matches!(make_preview_link(&versions[0], &long), Err(PreviewError::Label(201))));
        let nothing = NewPreviewLink { subtree: Oid::from_bytes([7; 16]), ..new.clone() };
        assert!(matches!(make_preview_link(&versions[0], &nothing), Err(PreviewError::NoObject { .. })));
        make_preview_link(&versions[0], &new).unwrap();
        let closed = Management { status: Some(LineStatus::Closed), ..Management::default() };
        versions[0].manage_version(&closed, Note::edit("test")).unwrap();
        assert!(matches!(
            make_preview_link(&versions[0], &new),
            Err(PreviewError::Version(VersionError::Status { .. }))
        ));
    }
}
