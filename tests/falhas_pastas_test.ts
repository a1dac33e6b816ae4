import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { congelarDisco } from "./falhas/gelo.ts";
import { abrirPastas, type Pastas } from "./falhas/pastas.ts";

/** Uma raiz que se apaga, com as pastas de três servidores. */
async function montar() {
  const raiz = await Deno.makeTempDir({ prefix: "kv-teste-" });
  const pastas = abrirPastas(raiz);
  for (const n of [0, 1, 2]) await escrever(pastas, n, `primeira de ${n}`);
  return { pastas, [Symbol.asyncDispose]: () => Deno.remove(raiz, { recursive: true }) };
}

async function escrever(pastas: Pastas, n: number, texto: string): Promise<void> {
  await Deno.mkdir(`${pastas.de(n)}/dentro`, { recursive: true });
  await Deno.writeTextFile(`${pastas.de(n)}/dentro/tabela`, texto);
}

/** O que está na pasta de um servidor; `undefined`, nada. */
function ler(pastas: Pastas, n: number): Promise<string | undefined> {
  return Deno.readTextFile(`${pastas.de(n)}/dentro/tabela`).catch(() => undefined);
}

Deno.test("Pastas.trocar() põe uma cópia antiga, e guarda a que estava", async () => {
  await using montado = await montar();
  const { pastas } = montado;
  await pastas.guardar(1);
  await escrever(pastas, 1, "segunda de 1");
  assertEquals(await pastas.trocar(1, "antiga", 0), "antiga");
  assertEquals(await ler(pastas, 1), "primeira de 1");
  // A que estava é agora uma das cópias.
  assertEquals(await pastas.trocar(1, "antiga", 1), "antiga");
  assertEquals(await ler(pastas, 1), "segunda de 1");
});

Deno.test("Pastas.trocar() põe a cópia de outro, que fica como estava", async () => {
  await using montado = await montar();
  const { pastas } = montado;
  await pastas.guardar(2);
  assertEquals(await pastas.trocar(1, "alheia", 0), "alheia");
  assertEquals([await ler(pastas, 1), await ler(pastas, 2)], ["primeira de 2", "primeira de 2"]);
});

Deno.test("Pastas.trocar() põe de novo a que se tirou da última vez, de um futuro que não houve", async () => {
  await using montado = await montar();
  const { pastas } = montado;
  assertEquals(await pastas.trocar(1, "tirada", 0), "vazia");
  await escrever(pastas, 1, "o que veio depois");
  assertEquals(await pastas.trocar(1, "tirada", 0), "tirada");
  assertEquals(await ler(pastas, 1), "primeira de 1");
  assertEquals(await pastas.trocar(1, "tirada", 0), "tirada");
  assertEquals(await ler(pastas, 1), "o que veio depois");
});

Deno.test("Pastas.trocar() esvazia, e também quando ainda não há cópias", async () => {
  await using montado = await montar();
  const { pastas } = montado;
  assertEquals(await pastas.trocar(0, "vazia", 0), "vazia");
  assertEquals(await pastas.trocar(1, "antiga", 3), "vazia");
  assertEquals(await pastas.trocar(2, "alheia", 1), "alheia");
  assertEquals([await ler(pastas, 0), await ler(pastas, 1)], [undefined, undefined]);
  assertEquals(await ler(pastas, 2), "primeira de 1");
});

Deno.test("Pastas.trocar() não perde a cópia escolhida quando a nova toma o lugar da mais velha", async () => {
  await using montado = await montar();
  const { pastas } = montado;
  for (const vez of [1, 2, 3]) {
    await escrever(pastas, 0, `cópia ${vez}`);
    await pastas.guardar(0);
  }
  await escrever(pastas, 0, "atual");
  assertEquals(await pastas.trocar(0, "antiga", 0), "antiga");
  assertEquals(await ler(pastas, 0), "cópia 1");
});

Deno.test("congelarDisco() não deixa gravar, deixa ler, e passa", async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  try {
    const banco = new DatabaseSync(`${pasta}/tabela.sqlite`, { timeout: 0 });
    banco.exec("PRAGMA journal_mode = WAL; CREATE TABLE tabela (key TEXT)");
    const descongelar = await congelarDisco(pasta);
    assert(descongelar !== undefined);
    assertThrows(() => banco.exec("BEGIN IMMEDIATE"), Error, "locked");
    assertEquals(banco.prepare("SELECT count(*) AS linhas FROM tabela").get()!.linhas, 0);
    descongelar!();
    banco.exec("BEGIN IMMEDIATE");
    // Quem segura a tranca é o servidor: não há como congelar.
    assertEquals(await congelarDisco(pasta), undefined);
    banco.close();
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
});
