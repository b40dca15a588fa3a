//! Rounds: the calls of different drops that wait at one moment go to Redis together.
//!
//! A call that is alone goes at once. Those that come while rounds are under way go with the next, so
//! that a thousand drops with a call each share what sending, waking and answering cost, and Redis
//! runs their scripts one behind the other.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use redis::{Cmd, RedisError, Value};
use tokio::sync::{mpsc, oneshot};

use super::{
    StoreError,
    client::{Link, pipeline_of},
};

/// What became of each command, or why nobody knows.
pub(super) type Answers = Result<Vec<Result<Value, RedisError>>, StoreError>;

/// Rounds that may be under way at once: while Redis runs one, the answers of the other are handed out.
const UNDER_WAY: usize = 2;
/// Calls of one round at most, and arguments, those of 500 holds: the first call of a round waits for
/// the last.
const CALLS: usize = 128;
const ARGUMENTS: usize = 3_000;
/// A call that has waited for so long is not sent any more: Redis does not answer.
const WAIT: Duration = Duration::from_secs(1);

/// Where calls are handed in.
#[derive(Clone)]
pub(super) struct Rounds(mpsc::UnboundedSender<Call>);

struct Call {
    commands: Vec<Cmd>,
    arguments: usize,
    since: Instant,
    tell: oneshot::Sender<Answers>,
}

impl Rounds {
    /// Rounds over a connection. They end when nobody can hand in a call any more.
    pub(super) fn start(link: Link) -> Rounds {
        let (entrance, queue) = mpsc::unbounded_channel();
        link.home().clone().spawn(run(link, queue));
        Rounds(entrance)
    }

    /// Sends commands that belong together, with so many arguments.
    pub(super) async fn call(&self, commands: Vec<Cmd>, arguments: usize) -> Answers {
        let (tell, told) = oneshot::channel();
        let ended = || StoreError::NoAnswer("the connection has ended".to_owned());
        let call = Call { commands, arguments, since: Instant::now(), tell };
        self.0.send(call).map_err(|_| ended())?;
        told.await.unwrap_or_else(|_| Err(ended()))
    }
}

async fn run(link: Link, mut queue: mpsc::UnboundedReceiver<Call>) {
    let mut waiting = VecDeque::new();
    let mut coming = Vec::with_capacity(CALLS);
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(()) = under_way.next() => {}
            count = queue.recv_many(&mut coming, CALLS) => {
                if count == 0 {
                    return;
                }
                waiting.extend(coming.drain(..));
            }
        }
        if under_way.len() < UNDER_WAY {
            let calls = take(&mut waiting);
            if !calls.is_empty() {
                under_way.push(send(&link, calls));
            }
        }
    }
}

/// The calls of the next round.
fn take(waiting: &mut VecDeque<Call>) -> Vec<Call> {
    while waiting.front().is_some_and(|call| call.since.elapsed() > WAIT) {
        waiting.pop_front().into_iter().for_each(Call::not_sent);
    }
    let mut arguments = 0;
    let fitting = waiting.iter().take(CALLS).take_while(|call| {
        let first = arguments == 0;
        arguments += call.arguments;
        first || arguments <= ARGUMENTS
    });
    let count = fitting.count();
    waiting.drain(..count).collect()
}

/// One round.
async fn send(link: &Link, calls: Vec<Call>) {
    let (commands, tells): (Vec<_>, Vec<_>) =
        calls.into_iter().map(|call| (call.commands, call.tell)).unzip();
    let counts: Vec<usize> = commands.iter().map(Vec::len).collect();
    let mut pipeline = pipeline_of(commands.into_iter().flatten());
    let mut values = link.run(&mut pipeline).await.map(Vec::into_iter);
    for (count, tell) in counts.into_iter().zip(tells) {
        let answer = match &mut values {
            Ok(values) => Ok(values.by_ref().take(count).collect()),
            Err(error) => Err(error.clone()),
        };
        // Who has gone needs no answer.
        let _ = tell.send(answer);
    }
}

impl Call {
    fn not_sent(self) {
        let why = "it did not answer the calls before".to_owned();
        let _ = self.tell.send(Err(StoreError::NotSent(why)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: usize) -> (Call, oneshot::Receiver<Answers>) {
        let (tell, told) = oneshot::channel();
        (Call { commands: Vec::new(), arguments, since: Instant::now(), tell }, told)
    }

    fn queue(arguments: &[usize]) -> VecDeque<Call> {
        arguments.iter().map(|arguments| call(*arguments).0).collect()
    }

    #[test]
    fn a_round_takes_what_fits_in_the_order_in_which_it_came() {
        let many = vec![1; CALLS + 2];
        for (arguments, first, second) in [
            (vec![6, 6, 6], 3, 0),
            (vec![ARGUMENTS, 0, 1], 2, 1),
            (vec![6, ARGUMENTS, 6], 1, 1),
            (vec![10 * ARGUMENTS, 6], 1, 1),
            (many, CALLS, 2),
        ] {
            let mut waiting = queue(&arguments);
            let taken = [take(&mut waiting), take(&mut waiting)];
            let sizes = taken.each_ref().map(Vec::len);
            assert_eq!(sizes, [first, second], "{} calls", arguments.len());
            let order: Vec<usize> = taken.iter().flatten().map(|call| call.arguments).collect();
            assert_eq!(order, arguments[..first + second]);
        }
    }

    #[test]
    fn who_has_waited_in_vain_is_told_that_nothing_was_sent() {
        let (mut late, mut told) = call(6);
        late.since = Instant::now().checked_sub(2 * WAIT).expect("a moment ago");
        let mut waiting = VecDeque::from([late, call(6).0]);
        assert_eq!(take(&mut waiting).len(), 1);
        let answer = told.try_recv().expect("it was told");
        assert!(answer.is_err_and(|error| error.nothing_happened()));
    }
}
