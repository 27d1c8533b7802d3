import Testing

/// The monitor controls a guest that runs, and answers mistakes in words.
@Suite(.serialized, .needsKVMHost) struct MonitorTests {
    @Test func commandsAndMistakes() throws {
        let arguments = ["--memory", "192M", "--virtio-mem", "id=vm0,size=2G,requested-size=128M"]
        try withGuest(.debian12(), arguments) { guest in
            try requireStopToStop(guest)
            try guest.waitForSize(.mebibytes(128), of: "vm0")
            for (command, answer) in [
                ("info name", "swiftlet\n"),
                ("qom-get vm0 size", "134217728\n"),
                ("qom-get /machine/peripheral/vm0 requested-size", "134217728\n"),
                ("", ""),
                ("frobnicate", "unknown command: 'frobnicate'; type 'help' for a list\n"),
            ] {
                try #require(try guest.monitor(command) == answer, "\(command)")
            }
            for (command, words) in [
                ("info frobnication", ["info frobnication", "memory-devices"]),
                ("qom-get vm9 size", ["vm9"]),
                ("qom-get vm0 colour", ["vm0", "colour", "requested-size"]),
                ("qom-set vm0 size 1G", ["size", "requested-size"]),
                ("qom-set vm0 requested-size", ["qom-set ID PROPERTY VALUE"]),
                ("qom-set vm0 requested-size lots", ["vm0", "requested-size", "lots"]),
                ("qom-set vm0 requested-size 3M", ["vm0", "3M", "2M"]),
                ("qom-set vm0 requested-size 4G", ["vm0", "4G", "2G"]),
                ("qom-set vm0 requested-size 99999999T", ["vm0", "requested-size", "99999999T"]),
            ] {
                let answer = try guest.monitor(command)
                for word in words {
                    try #require(answer.contains(word), "\(command): \(answer)")
                }
            }
            // None of that has changed anything.
            try #require(try guest.memoryDevice("vm0").properties["requested-size"] == "134217728")
            try requireHelp(guest)
            try guest.quit()
        }
    }

    private func requireStopToStop(_ guest: Guest) throws {
        try #require(try guest.monitor("info status") == "VM status: running\n")
        try #require(try guest.monitor("stop") == "")
        try #require(try guest.monitor("info status") == "VM status: paused\n")
        try guest.process.send("echo a''wake\n")
        // A guest that ran would answer within a fraction of this time.
        #expect(throws: TestFailure.self) { try guest.process.waitFor("awake", within: .seconds(5)) }
        try #require(try guest.monitor("cont") == "")
        try guest.process.waitFor("awake")
        try #require(try guest.monitor("info status") == "VM status: running\n")
        try guest.waitForShell()
    }

    private func requireHelp(_ guest: Guest) throws {
        let help = try guest.monitor("help")
        for command in [
            "info memory-devices", "info memory-slots", "info name", "info numa", "info status", "qom-get", "qom-set",
            "stop", "cont", "system_reset", "system_powerdown", "quit", "help",
        ] {
            try #require(help.contains(command), "help does not name \(command): \(help)")
        }
    }
}
