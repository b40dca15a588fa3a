//! The harness itself: a fault that does not happen shows nothing.

use std::{
    io,
    time::{Duration, Instant},
};

use dropgate_nemesis::proxy::{Link, Proxy, Way};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// So long nothing may come through a link that is held.
const NOTHING: Duration = Duration::from_millis(100);

/// A server that answers each byte with that byte, behind a proxy.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::start(address).await.expect("a proxy")
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.expect("accepted")
}

async fn ask(stream: &mut TcpStream, words: &str) -> io::Result<String> {
    stream.write_all(words.as_bytes()).await?;
    let mut answer = vec![0; words.len()];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Reads until the connection ends; says what came and how it ended.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, io::Result<usize>) {
    let mut all = Vec::new();
    let ended = stream.read_to_end(&mut all).await;
    (all, ended)
}

#[tokio::test]
async fn what_is_held_comes_later_and_in_order() {
    for way in [Way::Both, Way::ToServer, Way::ToClient] {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        assert_eq!(ask(&mut stream, "one").await.expect("an echo"), "one");
        proxy.set(Link::Held(way));
        for word in ["two ", "three ", "four"] {
            stream.write_all(word.as_bytes()).await.expect("written");
        }
        let mut byte = [0];
        let early = tokio::time::timeout(NOTHING, stream.read(&mut byte)).await;
        assert!(early.is_err(), "{way:?}: {early:?}");
        // A new connection is accepted, and hears nothing either.
        let mut other = connect(&proxy).await;
        let early = tokio::time::timeout(NOTHING, ask(&mut other, "x")).await;
        assert!(early.is_err(), "{way:?}: {early:?}");
        proxy.set(Link::Fine);
        let mut answer = vec![0; "two three four".len()];
        stream.read_exact(&mut answer).await.expect("what was held");
        assert_eq!(answer, b"two three four");
        other.read_exact(&mut byte).await.expect("what was held");
        assert_eq!(proxy.connections(), 2);
    }
}

#[tokio::test]
async fn what_is_held_is_not_read_without_end() {
    let proxy = echo().await;
    proxy.set(Link::Held(Way::ToServer));
    let mut stream = connect(&proxy).await;
    let chunk = vec![0; 1 << 20];
    let all = async {
        for _ in 0..64 {
            stream.write_all(&chunk).await.expect("written");
        }
    };
    let full = tokio::time::timeout(Duration::from_secs(1), all).await;
    assert!(full.is_err(), "64 MB went into a link that is held");
}

#[tokio::test]
async fn a_cut_resets_what_is_there_and_what_comes() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(ask(&mut stream, "one").await.expect("an echo"), "one");
    proxy.set(Link::Cut);
    let error = rest(&mut stream).await.1.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    if let Ok(mut stream) = TcpStream::connect(proxy.address()).await {
        ask(&mut stream, "two").await.expect_err("a reset");
    }
    proxy.set(Link::Fine);
    let mut stream = connect(&proxy).await;
    assert_eq!(ask(&mut stream, "three").await.expect("an echo"), "three");
    proxy.reset_all();
    rest(&mut stream).await.1.expect_err("a reset");
}

#[tokio::test]
async fn what_is_delayed_comes_so_much_later() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let pause = Duration::from_millis(40);
    for (way, times) in [(Way::Both, 2), (Way::ToServer, 1), (Way::ToClient, 1)] {
        proxy.set(Link::Delayed(way, pause));
        let since = Instant::now();
        assert_eq!(ask(&mut stream, "hello").await.expect("an echo"), "hello");
        assert!(since.elapsed() >= pause * times, "{way:?}: {:?}", since.elapsed());
    }
}

#[tokio::test]
async fn answers_break_off_where_they_should() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.reset_after(7);
    assert_eq!(ask(&mut stream, "four").await.expect("an echo"), "four");
    stream.write_all(b"five5").await.expect("written");
    let (came, ended) = rest(&mut stream).await;
    ended.expect_err("a reset");
    assert_eq!(came, b"fiv", "three of the seven were left");
    assert!(proxy.is_done());

    let (mut one, mut two) = (connect(&proxy).await, connect(&proxy).await);
    proxy.lose_answer_to("needle");
    assert_eq!(ask(&mut one, "hay").await.expect("an echo"), "hay");
    two.write_all(b"a needle here").await.expect("written");
    let (came, ended) = rest(&mut two).await;
    ended.expect_err("a reset");
    assert!(came.is_empty() && proxy.is_done());
    assert_eq!(ask(&mut one, "needle").await.expect("an echo"), "needle");

    proxy.drop_answers(1);
    ask(&mut one, "more").await.expect_err("a reset");
    assert!(proxy.is_done());
}

#[tokio::test]
async fn only_new_connections_go_to_the_new_server() {
    let (proxy, other) = (echo().await, TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    let mut stream = connect(&proxy).await;
    assert_eq!(ask(&mut stream, "one").await.expect("an echo"), "one");
    proxy.retarget(other.local_addr().expect("an address"));
    assert_eq!(ask(&mut stream, "two").await.expect("an echo"), "two");
    let _new = connect(&proxy).await;
    other.accept().await.expect("it comes here");
}
