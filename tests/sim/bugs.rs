//! The bugs that are planted between core and world. Where each bites is in the world; here is what there is.

use super::World;

/// A bug between core and world, to see whether it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    LosesAnExit,
    LosesASpawnFailureWhileStopping,
    TellsAnExitTwice,
    SwallowsAReply,
    RepliesTwice,
    SpawnsTwice,
    SignalsTheDead,
    IgnoresGone,
    ForgetsTheTimer,
    ChangesOnADryRun,
    RestartsByTheOldFile,
    RestartReloadsEverything,
    RestartNamesTheWholeProgram,
    LosesTheNotes,
    WaitsForTheOpposite,
    LosesAClockStep,
    QueuesWhatIsSkipped,
    StopsOnlyTheRun,
    LosesAFailedCheck,
    FindsEverythingWell,
    LetsALateCheckGoOn,
    LosesATaskEnd,
    TellsATaskWell,
    LetsATaskGoOn,
    LosesAConnection,
    InventsAConnection,
    StartsWithoutAConnection,
    PollsOn,
}

pub(super) const BUGS: [Bug; 28] = [
    Bug::LosesAnExit,
    Bug::LosesASpawnFailureWhileStopping,
    Bug::TellsAnExitTwice,
    Bug::SwallowsAReply,
    Bug::RepliesTwice,
    Bug::SpawnsTwice,
    Bug::SignalsTheDead,
    Bug::IgnoresGone,
    Bug::ForgetsTheTimer,
    Bug::ChangesOnADryRun,
    Bug::RestartsByTheOldFile,
    Bug::RestartReloadsEverything,
    Bug::RestartNamesTheWholeProgram,
    Bug::LosesTheNotes,
    Bug::WaitsForTheOpposite,
    Bug::LosesAClockStep,
    Bug::QueuesWhatIsSkipped,
    Bug::StopsOnlyTheRun,
    Bug::LosesAFailedCheck,
    Bug::FindsEverythingWell,
    Bug::LetsALateCheckGoOn,
    Bug::LosesATaskEnd,
    Bug::TellsATaskWell,
    Bug::LetsATaskGoOn,
    Bug::LosesAConnection,
    Bug::InventsAConnection,
    Bug::StartsWithoutAConnection,
    Bug::PollsOn,
];

impl World {
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// A bug that bites once in a while.
    pub(super) fn once(&mut self, bug: Bug, percent: u64) -> bool {
        let bites = self.bug == Some(bug) && self.bug_armed && self.dice.chance(percent);
        self.bug_armed &= !bites;
        bites
    }
}
