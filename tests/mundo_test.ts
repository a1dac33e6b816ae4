import { assert, assertEquals } from "@std/assert";
import { Cliente } from "../cliente.ts";
import { falhaDefinitiva } from "../lib/pedidos.ts";
import { Servidor } from "../servidor.ts";
import { respondido } from "./apoio.ts";
import { Mundo } from "./mundo.ts";

/** Três servidores em três máquinas de mentira, e um cliente noutra. */
async function iniciarNoMundo(semente: number) {
  const mundo = new Mundo(semente);
  const ips = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  const lider = { ip: ips[0]!, porta: 10097 };
  const servidores: Servidor[] = [];
  const linhas: string[][] = [[], [], []];
  for (const [n, ip] of ips.entries()) {
    const opcoes = { ip, lider, imprimir: (linha: string) => void linhas[n]!.push(linha) };
    servidores.push(await Servidor.iniciar(opcoes, mundo.maquina(ip)));
  }
  const enderecos = servidores.map(({ endereco }) => endereco);
  const opcoes = { prazo: 60_000 };
  const cliente = new Cliente(enderecos, opcoes, mundo.maquina("10.0.0.9"));
  return {
    mundo,
    ips,
    linhas,
    enderecos,
    cliente,
    async [Symbol.asyncDispose]() {
      await mundo.esperar(cliente.fechar(), 60_000);
      await mundo.esperar(Promise.all(servidores.map((servidor) => servidor.parar())), 60_000);
    },
  };
}

/** Enquanto dura, quem procurar a rede ou o relógio da máquina falha. */
function fecharAsOutrasPortas(): Disposable {
  const donos: readonly [object, string][] = [
    [Deno, "listen"],
    [Deno, "listenTls"],
    [Deno, "connect"],
    [globalThis, "Worker"],
    [globalThis, "setTimeout"],
    [globalThis, "setInterval"],
    [performance, "now"],
    [Math, "random"],
  ];
  const antes = donos.map(([dono, nome]) => Reflect.get(dono, nome));
  for (const [dono, nome] of donos) {
    const negar = () => {
      throw new Error(`${nome} não veio por uma porta`);
    };
    Object.defineProperty(dono, nome, { value: negar, configurable: true, writable: true });
  }
  return {
    [Symbol.dispose]() {
      for (const [n, [dono, nome]] of donos.entries()) {
        Object.defineProperty(dono, nome, { value: antes[n], configurable: true, writable: true });
      }
    },
  };
}

Deno.test("as portas bastam: três servidores sem socket nem relógio, um seguidor que se perde e volta", async () => {
  using _fechadas = fecharAsOutrasPortas();
  await using grupo = await iniciarNoMundo(7);
  const { mundo, ips, cliente, enderecos } = grupo;
  assertEquals((await mundo.esperar(cliente.put("k", "v1"), 10_000)).timestamp, 1);

  mundo.isolar(ips[2]!);
  const falhou = cliente.put("k", "v2").catch((erro) => erro);
  const erro = await mundo.esperar(falhou, 60_000);
  assert(erro instanceof Error && falhaDefinitiva(erro), `não foi recusado: ${erro}`);

  mundo.religar(ips[2]!);
  assertEquals((await mundo.esperar(cliente.put("k", "v3"), 60_000)).timestamp, 2);
  for (const [n, endereco] of enderecos.entries()) {
    await using outro = new Cliente([endereco], {}, mundo.maquina("10.0.0.8"));
    const { value, timestamp } = await mundo.esperar(respondido(outro.get("k")), 10_000);
    assertEquals([value, timestamp], ["v3", 2], `no servidor ${n + 1}`);
  }
  const replicadas = grupo.linhas[2]!.filter((linha) => linha.startsWith("REPLICATION"));
  assertEquals(replicadas, [
    "REPLICATION key:k value:v1 ts:1",
    "REPLICATION key:k value:v3 ts:2",
  ]);
});

Deno.test("o mundo de mentira repete-se com a semente", async () => {
  const corrida = async () => {
    await using grupo = await iniciarNoMundo(42);
    const { mundo, cliente, linhas } = grupo;
    const puts = Array.from({ length: 20 }, (_, n) => cliente.put(`k${n % 3}`, String(n)));
    await mundo.esperar(Promise.all(puts), 10_000);
    return [mundo.agora, linhas];
  };
  assertEquals(await corrida(), await corrida());
});
