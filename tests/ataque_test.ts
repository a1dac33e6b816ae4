import { assert, assertEquals } from "@std/assert";
import { argumentosDoServidor, atendendo, Fio, MAPA, portasLivres, RAIZ } from "./apoio.ts";
import { correr } from "./ataque/corrida.ts";
import { memoriaDe } from "./ataque/medidas.ts";
import { resumir } from "./ataque/relatorio.ts";

Deno.test("3000 entradas de todo tipo: ninguém cai, e o cliente normal e a tabela não notam", async () => {
  const plano = { semente: Math.floor(Math.random() * 2 ** 31), entradas: 3_000, segundos: 0 };
  const relatorio = await correr(plano);
  assertEquals(relatorio.quebras, [], resumir(plano, relatorio));
});

for (const fechada of [false, true]) {
  const oQue = fechada ? "fechada" : "que ninguém lê";
  Deno.test(`com a console ${oQue}, o servidor atende, e a memória não cresce sem fim`, async () => {
    const [porta] = portasLivres(1);
    const filho = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-prompt", ...MAPA, "--allow-net", "--allow-read"],
        new URL("servidor.ts", RAIZ).href,
        ...argumentosDoServidor(porta!, porta!, ["--replicas=0"]),
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      if (fechada) await filho.stdout.cancel();
      await atendendo(`127.0.0.1:${porta}`);
      await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
      const trocar = async (n: number) => {
        const value = `${n} ${"x".repeat(500 * 1024)}`;
        const put = await fio.pedir({ tipo: "PUT", id: n, key: "k", value });
        assertEquals([put.tipo, put.timestamp], ["PUT_OK", n]);
        const get = await fio.pedir({ tipo: "GET", id: n, key: "k", timestamp: n });
        assertEquals([get.value, get.timestamp], [value, n]);
      };
      for (let n = 1; n <= 20; n++) await trocar(n);
      const antes = await memoriaDe(filho.pid);
      // Umas 200 MB de linhas, que ninguém vê.
      for (let n = 21; n <= 220; n++) await trocar(n);
      const depois = await memoriaDe(filho.pid);
      assert(!(depois > antes + 130), `${antes} → ${depois} MiB`);
    } finally {
      filho.kill("SIGKILL");
      if (!fechada) await filho.stdout.cancel();
      await filho.status;
    }
  });
}
