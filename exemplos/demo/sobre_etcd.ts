/**
 * A demonstração sobre o etcd: três pontes no lugar dos três servidores, os mesmos clientes, e o
 * líder do etcd morto a meio, com os PUTs a andar.
 *
 * @module
 */

import { abrirEtcd, SEM_ETCD } from "../../tests/apoio/etcd.ts";
import { AMARELO, ate, AZUL, cena, CIANO, Console, exigir, ROSA, VERDE } from "./palco.ts";

/** Faz tudo. @throws {Error} se não há etcd, ou se alguma coisa não correu como devia. */
export async function demonstrarSobreEtcd(consoles: Console[], portas: string[]): Promise<[]> {
  if (SEM_ETCD) throw new Error("falta o etcd (no Debian: apt install etcd-server)");
  const abrir = (nome: string, cor: number, programa: string, args: string[] = []) => {
    const permissoes = programa === "cliente" ? ["--allow-net"] : ["-NRW"];
    const console = new Console(nome, cor, programa, permissoes, args);
    consoles.push(console);
    return console;
  };
  await cena("Três membros do etcd, e uma ponte ao lado de cada um");
  await using etcd = await abrirEtcd();
  const pontes = portas.map((porta, n) =>
    abrir(`Ponte ${n + 1}`, [AZUL, VERDE, AMARELO][n]!, "ponte/ponte", [
      ...["--ip=127.0.0.1", `--porta=${porta}`, `--etcd=${etcd.urls[n]}`],
    ])
  );
  for (const ponte of pontes) await ponte.linha(/Pronto: ponte em/);

  await cena("Os mesmos clientes: INIT, PUT e GET, e as mesmas linhas");
  const [x, y] = [abrir("Cliente X", CIANO, "cliente"), abrir("Cliente Y", ROSA, "cliente")];
  for (const cliente of [x, y]) {
    await cliente.digitar("INIT", ...portas.flatMap((porta) => ["", porta]));
  }
  exigir(await x.pedir("PUT", "cor", "azul"), /^PUT_OK key: cor value azul timestamp \d+ /);
  const replicada = /^REPLICATION key:cor value:azul ts:\d+$/;
  await ate(
    () => pontes.filter(({ linhas }) => linhas.some((l) => replicada.test(l))).length === 2,
    "as duas REPLICATION",
  );
  exigir(await y.pedir("GET", "cor"), /^GET key: cor value: azul obtido do servidor /);
  exigir(await y.pedir("GET", "sabor"), /value: NULL .* meu timestamp 0 e do servidor 0$/);

  const lider = (await etcd.lider())!;
  await cena(`Morre o líder do etcd (o da ponte ${lider + 1}): os outros dois elegem outro`);
  await etcd.matar(lider);
  await pontes[lider]!.linha(/não atende até que ele volte/);
  // O que ia ao encontro de quem morreu pode não se confirmar; os seguintes andam.
  for (const cor of ["verde", "amarelo", "roxo"]) {
    await ate(async () => (await x.pedir("PUT", "cor", cor)).startsWith("PUT_OK "), `PUT ${cor}`);
  }
  exigir(await x.pedir("GET", "cor"), /^GET key: cor value: roxo /);

  await cena("O membro volta: a ponte dele também, com o que se escreveu sem ele");
  const desde = pontes[lider]!.linhas.length;
  etcd.comecar(lider);
  await pontes[lider]!.linha(/Pronto: ponte em/, desde);
  exigir(
    await y.pedir("GET", "cor"),
    /^GET key: cor value: (roxo|TRY_OTHER_SERVER_OR_LATER|azul) /,
  );
  // Antes do etcd, para que não se queixem da falta dele.
  await Promise.all(consoles.map((console) => console.encerrar()));
  return [];
}
