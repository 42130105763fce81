# SPDX-License-Identifier: GPL-2.0-or-later
# threads.py - Python: threads, subprocesses, sockets, asyncio, processes, signals.
import asyncio, hashlib, multiprocessing, os, queue, select, signal, socket, subprocess, sys, tempfile, threading, time


def threads():
    q, out, lock = queue.Queue(), [], threading.Lock()

    def work():
        while (n := q.get()) is not None:
            with lock:
                out.append(n * n)

    ts = [threading.Thread(target=work) for _ in range(16)]
    for t in ts:
        t.start()
    for n in range(500):
        q.put(n)
    for _ in ts:
        q.put(None)
    for t in ts:
        t.join()
    print("threads", sum(out), len(out))


def processes():
    r = subprocess.run(["sh", "-c", "cat; echo err >&2; exit 3"], input="text\n", capture_output=True, text=True)
    print("subprocess", r.returncode, repr(r.stdout), repr(r.stderr))
    ps = [subprocess.Popen([sys.executable, "-c", f"print({i})"], stdout=subprocess.PIPE) for i in range(4)]
    print("parallel", [p.communicate()[0] for p in ps])
    p = subprocess.Popen(["sleep", "100"])
    p.terminate()
    print("terminated", p.wait())
    try:
        subprocess.run(["sleep", "100"], timeout=0.1)
    except subprocess.TimeoutExpired:
        print("timeout")
    try:
        subprocess.run(["/nonexistent"])
    except FileNotFoundError as e:
        print("missing", e.errno)
    with multiprocessing.Pool(3) as pool:
        print("pool", pool.map(abs, range(-5, 5)))


def sockets():
    srv = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(10):
            c, _ = srv.accept()
            with c:
                data = b""
                while not data.endswith(b"\n"):
                    data += c.recv(100)
                c.sendall(data.upper())

    t = threading.Thread(target=serve)
    t.start()
    out = []
    for i in range(10):
        with socket.create_connection(srv.getsockname()) as c:
            c.sendall(b"hello %d\n" % i)
            out.append(c.makefile().readline())
    t.join()
    srv.close()
    print("sockets", out)
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    socket.send_fds(a, [b"x"], [1])
    msg, fds, _, _ = socket.recv_fds(b, 10, 1)
    print("descriptor", msg, len(fds))
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(("127.0.0.1", 0))
    u.sendto(b"datagram", u.getsockname())
    print("udp", u.recvfrom(100)[0])
    try:
        socket.create_connection(("127.0.0.1", 1), timeout=5)
    except ConnectionRefusedError as e:
        print("refused", e.errno)


async def tasks():
    async def echo(r, w):
        w.write(await r.readline())
        await w.drain()
        w.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(i):
        r, w = await asyncio.open_connection("127.0.0.1", port)
        w.write(b"task %d\n" % i)
        line = await r.readline()
        w.close()
        return line

    print("asyncio", await asyncio.gather(*[ask(i) for i in range(20)]))
    p = await asyncio.create_subprocess_exec("sort", "-n", stdin=-1, stdout=-1)
    print("asyncio process", (await p.communicate(b"3\n1\n2\n"))[0], p.returncode)
    server.close()


def signals():
    hits = []
    signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while len(hits) < 50:
        time.sleep(0.01)
    signal.setitimer(signal.ITIMER_REAL, 0)
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(w, b"child")
        os._exit(9)
    print("fork", os.read(r, 10), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    print("select", select.select([r], [], [], 0.05)[0])


def files():
    with tempfile.TemporaryDirectory() as d:
        for i in range(50):
            with open(os.path.join(d, f"{i:03}"), "wb") as f:
                f.write(bytes(range(256)) * i)
        h = hashlib.sha256()
        for n in sorted(os.listdir(d)):
            h.update(open(os.path.join(d, n), "rb").read())
        print("files", h.hexdigest())


if __name__ == "__main__":
    threads()
    sys.stdout.flush()
    processes()
    sockets()
    asyncio.run(tasks())
    sys.stdout.flush()
    signals()
    files()
    print("done")
