import Host
import Testing

@Suite struct MailboxTests {
    @Test func messagesArriveInOrderAlsoThoseOfBefore() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<Int>()
        var received: [Int] = []
        for number in 0..<10 { #expect(mailbox.send(number)) }
        try mailbox.attach(to: loop) { number in
            received.append(number)
            if number == 4 { mailbox.send(10) }
            if number == 10 { loop.stop() }
        }
        try loop.run()
        #expect(received == Array(0...10))
    }

    @Test func manyThreadsSendToOne() throws {
        let loop = try EventLoop()
        let mailbox = try Mailbox<(thread: Int, number: Int)>()
        var next = [Int](repeating: 0, count: 8)
        var received = 0
        try mailbox.attach(to: loop) { message in
            #expect(message.number == next[message.thread], "the order of one thread is kept")
            next[message.thread] += 1
            received += 1
            if received == 8 * 500 { loop.stop() }
        }
        let threads = try (0..<8).map { thread in
            try Thread(name: "sender \(thread)") {
                for number in 0..<500 { mailbox.send((thread, number)) }
            }
        }
        try loop.run()
        threads.forEach { $0.join() }
        #expect(next == [Int](repeating: 500, count: 8))
    }

    @Test func aClosedMailboxGivesBackWhatCameTooLate() throws {
        let mailbox = try Mailbox<String>()
        mailbox.send("one")
        mailbox.send("two")
        #expect(mailbox.close() == ["one", "two"])
        #expect(!mailbox.send("three"))
        #expect(mailbox.close() == [])
    }

    /// Whatever the moment of closing, a message is received, given back, or refused: never lost.
    @Test func noMessageIsLostWhenItCloses() throws {
        for _ in 0..<20 {
            let mailbox = try Mailbox<Int>()
            let accepted = Counter()
            let threads = try (0..<4).map { _ in
                try Thread(name: "sender") {
                    for number in 0..<200 where mailbox.send(number) { accepted.add() }
                }
            }
            let late = mailbox.close()
            threads.forEach { $0.join() }
            #expect(late.count == accepted.value)
        }
    }
}
