//! Conditional requests, ranges, compression, streaming.

use std::io::Read;

use crate::site::TestSite;

#[tokio::test]
async fn a_file_is_sent_once_and_then_known_by_its_tag_or_its_time() {
    let site = TestSite::new();
    site.put_file("/small.txt", b"0123456789");
    site.put_file("/middle.txt", &b"0123456789".repeat(1_000));
    for uri in ["/small.txt", "/middle.txt"] {
        let first = site.get(uri).await;
        assert_eq!((first.status.as_u16(), first.header("content-type")), (200, "text/plain; charset=utf-8"));
        assert_eq!(first.header("accept-ranges"), "bytes");
        for (name, value) in
            [("if-none-match", first.header("etag")), ("if-modified-since", first.header("last-modified"))]
        {
            let again = site.get_with(uri, &[(name, value)]).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{uri} {name}");
            assert_eq!(again.header("etag"), first.header("etag"));
            assert!(!again.headers.contains_key("content-type"));
        }
        assert_eq!(site.get_with(uri, &[("if-none-match", "\"x\"")]).await.status, 200);
    }
}

#[tokio::test]
async fn the_tag_of_a_file_changes_with_its_bytes() {
    let site = TestSite::new();
    site.put_file("/a", b"one");
    let before = site.get("/a").await.header("etag").to_owned();
    site.change(|draft| {
        let oid = draft.at(&crate::site::path("/a"))?;
        let data = draft.bytes(b"two").unwrap();
        draft.set(oid, &crate::site::name("data"), Some(data))
    });
    let after = site.get_with("/a", &[("if-none-match", &before)]).await;
    assert_eq!((after.status.as_u16(), after.text().as_str()), (200, "two"));
    assert_ne!(after.header("etag"), before);
}

#[tokio::test]
async fn the_tag_of_a_page_changes_with_anything_that_it_acquires() {
    let site = TestSite::new();
    site.put("/layout.html", "template", &[("source", "{{ colour }} {{ content }}")]);
    site.set("/", "colour", "red");
    site.put("/deep", "folder", &[]);
    site.put("/deep/page", "page", &[("body", "x")]);
    let first = site.get("/deep/page").await;
    let tag = first.header("etag").to_owned();
    assert_eq!(site.get_with("/deep/page", &[("if-none-match", &tag)]).await.status, 304);
    site.set("/", "colour", "blue");
    let second = site.get_with("/deep/page", &[("if-none-match", &tag)]).await;
    assert_eq!((second.status.as_u16(), second.text().as_str()), (200, "blue x"));
    site.set("/deep", "colour", "green");
    assert_eq!(
        site.get_with("/deep/page", &[("if-none-match", second.header("etag"))]).await.text(),
        "green x"
    );
}

#[tokio::test]
async fn one_range_of_a_file_is_sent_alone() {
    let site = TestSite::new();
    site.put_file("/f.bin", b"0123456789");
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=0-99", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=0-1,4-5", 200, "0123456789", ""),
        ("lines=1-2", 200, "0123456789", ""),
    ] {
        let answer = site.get_with("/f.bin", &[("range", range)]).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (status, body), "{range}");
        assert_eq!(answer.header("content-range"), content_range, "{range}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    }
    let outside = site.get_with("/f.bin", &[("range", "bytes=10-")]).await;
    assert_eq!((outside.status.as_u16(), outside.header("content-range")), (416, "bytes */10"));
}

#[tokio::test]
async fn a_range_is_sent_only_of_the_state_that_the_client_has() {
    let site = TestSite::new();
    site.put_file("/f.bin", b"0123456789");
    let tag = site.get("/f.bin").await.header("etag").to_owned();
    for (condition, status) in [(&*tag, 206), ("\"other\"", 200)] {
        let answer = site.get_with("/f.bin", &[("range", "bytes=0-1"), ("if-range", condition)]).await;
        assert_eq!(answer.status, status, "{condition}");
    }
}

#[tokio::test]
async fn a_large_file_is_streamed_whole_and_in_ranges() {
    let site = TestSite::new();
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    site.put_file("/large.bin", &data);
    let whole = site.get("/large.bin").await;
    assert_eq!(whole.header("content-length"), "3000000");
    assert!(whole.body == data, "every byte in its place");
    let part = site.get_with("/large.bin", &[("range", "bytes=1000000-2500000")]).await;
    assert!(part.status == 206 && part.body == data[1_000_000..=2_500_000]);
    let head = site.ask("HEAD", "/large.bin", &[]).await;
    assert_eq!((head.header("content-length"), head.body.len()), ("3000000", 0));
}

#[tokio::test]
async fn what_shrinks_is_compressed_for_who_takes_it_and_has_a_tag_of_its_own() {
    let site = TestSite::new();
    let text = "a line of text\n".repeat(10_000);
    site.put_file("/t.txt", text.as_bytes());
    site.put_file("/t.png", text.as_bytes());
    site.put_file("/short.txt", b"short");
    site.put("/page", "page", &[("body", &text[..9_000])]);

    let plain = site.get("/t.txt").await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    for _ in 0..2 {
        let packed = site.get_with("/t.txt", &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(packed.header("content-length"), packed.body.len().to_string());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut unpacked).unwrap();
        assert!(unpacked == text);
        assert_ne!(packed.header("etag"), plain.header("etag"));
        let known = [("accept-encoding", "gzip"), ("if-none-match", packed.header("etag"))];
        let again = site.get_with("/t.txt", &known).await;
        assert_eq!((again.status.as_u16(), again.header("etag")), (304, packed.header("etag")));
    }
    let page = site.get_with("/page", &[("accept-encoding", "gzip")]).await;
    assert_eq!(page.header("content-encoding"), "gzip");
    for uri in ["/t.png", "/short.txt"] {
        assert_eq!(
            site.get_with(uri, &[("accept-encoding", "gzip")]).await.header("content-encoding"),
            "",
            "{uri}"
        );
    }
    let range = site.get_with("/t.txt", &[("accept-encoding", "gzip"), ("range", "bytes=0-3")]).await;
    assert_eq!(
        (range.status.as_u16(), range.header("content-encoding"), range.text().as_str()),
        (206, "", "a li")
    );
}
